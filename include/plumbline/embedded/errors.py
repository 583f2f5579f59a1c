"""
What can go wrong with the embedded form, said in one sentence to the person at the terminal.

    EmbeddedError
    ├── PartFailed        a part did not start, or died
    ├── NotPossibleHere   this machine, folder or account cannot run a part
    ├── NoFreePort        every port that was tried is taken
    └── NotInstalled      the environment could not be made
"""

from __future__ import annotations


class EmbeddedError(Exception):
    """A part of the embedded form is in the way; the message is one sentence for a person."""


class PartFailed(EmbeddedError):
    """A part did not start, or ended by itself; the message names its log."""


class NotPossibleHere(EmbeddedError):
    """This machine, folder or account cannot run a part; the message says what would help."""


class NoFreePort(EmbeddedError):
    """Every port that was tried is taken."""


class NotInstalled(EmbeddedError):
    """The environment could not be made; the next run takes up where this one ended."""
