"""
The embedded form: everything Plumbline needs, on one machine, started by one command.

Nothing here is imported by the domain; it only prepares and supervises processes, so it may use `core` and no area.
"""
