"""
The errors that a person may see.

    PlumblineError
    ├── Fatal            trying again cannot help; a task that raises it is not retried
    │   ├── Misconfigured
    │   └── ChecksFailed
    └── Passing          the same call may succeed later; a task that raises it is retried
        └── Later        … and says when: a task that raises it waits until then without a worker

The type says whether a retry can help, and the message is written for the person who will read it.
An area adds its own errors below `Fatal` or `Passing`, named after the fact they report.
"""

from __future__ import annotations


class PlumblineError(Exception):
    """Something that a person has to know about; the message says what and what to do."""


class Fatal(PlumblineError):
    """Trying again cannot help."""


class Passing(PlumblineError):
    """The same call may succeed later."""


class Later(Passing):
    """The same call may succeed after `seconds`, and not before."""

    def __init__(self, message: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(message)


class Misconfigured(Fatal):
    """A setting is missing or has a value that cannot work."""


class ChecksFailed(Fatal):
    """A data check found rows that must not be published."""
