"""Progress is one changing line in a terminal and plain lines in a log."""

from __future__ import annotations

import io

import pytest

from plumbline.embedded.terminal import Progress


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Whether it is a terminal: yes."""
        return True


def test_a_log_gets_plain_lines_only():
    """No control characters, and not a line for every step."""
    out = io.StringIO()
    with Progress("copy", out) as progress:
        for number in range(100):
            progress.show(f"{number} of 100")
        progress.done("100 files")

    assert ["copy …", "✓ copy: 100 files (0.0 s)"] == out.getvalue().splitlines()


def test_a_terminal_gets_one_line_that_changes():
    """It is rewritten in place, and its last form stays."""
    out = Terminal()
    with Progress("copy", out) as progress:
        progress.show("1 of 2")
        progress.done("2 files")

    assert out.getvalue().endswith("\r\x1b[K✓ copy: 2 files (0.0 s)\n")
    assert 1 == out.getvalue().count("\n")


def test_a_stage_that_breaks_off_says_so():
    """Whoever reads the log sees where it ended."""
    out = io.StringIO()
    with pytest.raises(KeyboardInterrupt), Progress("copy", out):
        raise KeyboardInterrupt

    assert out.getvalue().splitlines()[-1].startswith("✗ copy")
