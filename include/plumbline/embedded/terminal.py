"""
What is said while work goes on: one line that changes in a terminal, plain lines now and then in a log.

Standard library only: the bootstrap speaks through it before anything is installed.
"""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self, TextIO

_QUIET_SECONDS = 10.0


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence holds them: `a, b and c`.  Pure."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def fitted(text: str, out: TextIO) -> str:
    """Break lines between words where `out` is a terminal, which would break them anywhere; a log gets them whole."""
    if not out.isatty():
        return text
    return "\n".join(line for whole in text.splitlines() for line in _broken(whole, _columns()))


def say(text: str, out: TextIO | None = None) -> None:
    """Print a sentence, fitted to where it goes (None: standard output)."""
    out = out or sys.stdout
    print(fitted(text, out), file=out, flush=True)


def _broken(line: str, columns: int) -> list[str]:
    marked = re.match(r" *(?:\d+\. |[✓✗] )?", line)
    indent = " " * (marked.end() if marked else 0)
    return textwrap.wrap(
        line, columns, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def _cut(text: str, columns: int) -> str:
    return text if len(text) <= columns else f"{text[: columns - 1]}…"


def _columns() -> int:
    return max(shutil.get_terminal_size().columns - 1, 20)


class Progress:
    """
    One stage of work and how far it has come.

    In a terminal the line is rewritten at each `show`; elsewhere a line is printed when the text has changed and
    ten seconds have passed.  The last line says how long the stage took, or that it did not end.
    """

    def __init__(self, stage: str, out: TextIO | None = None) -> None:
        self.stage = stage
        self._out = out or sys.stdout
        self._live = self._out.isatty()
        self._began = time.monotonic()
        self._printed = self._began
        self._last = ""
        self._result = ""

    def __enter__(self) -> Self:
        """Begin the stage."""
        if self._live:
            self.show("")
        else:
            self._line(f"{self.stage} …")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the stage."""
        if self._live:
            self._out.write("\r\x1b[K")
        mark, rest = ("✓", self._result) if kind is None else ("✗", "")
        text = f"{mark} {self.stage}{f': {rest}' if rest else ''} ({self.seconds:.1f} s)"
        self._line(text)

    @property
    def seconds(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self._began

    def show(self, text: str) -> None:
        """Say how far the work has come."""
        if self._live:
            clock = f" ({self.seconds:.0f} s)"
            line = _cut(f"… {self.stage}{f': {text}' if text else ''}", _columns() - len(clock))
            self._out.write(f"\r\x1b[K{line}{clock}")
            self._out.flush()
        elif text and text != self._last and time.monotonic() - self._printed >= _QUIET_SECONDS:
            self._line(f"  {self.stage}: {text}")
            self._last = text

    def tell(self, text: str) -> None:
        """Print a line that stays."""
        if self._live:
            self._out.write("\r\x1b[K")
        self._line(f"  {text}")

    def done(self, result: str) -> None:
        """Say what the last line of the stage will report."""
        self._result = result

    def _line(self, text: str) -> None:
        self._out.write(fitted(text, self._out) + "\n")
        self._out.flush()
        self._printed = time.monotonic()
