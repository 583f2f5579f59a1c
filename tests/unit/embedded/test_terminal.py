"""Progress is one changing line in a terminal and plain lines in a log."""

from __future__ import annotations

import io

import pytest

from plumbline.embedded.terminal import Progress, fitted, listed


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


def test_a_terminal_gets_sentences_broken_between_words(monkeypatch):
    """It would break them anywhere; an address stays whole, and a numbered line keeps its indentation."""
    monkeypatch.setenv("COLUMNS", "41")
    text = "One sentence that is longer than the line.\n  1. a numbered line that goes on and on at http://127.0.0.1:8080/dags/ingest"

    assert [
        "One sentence that is longer than the",
        "line.",
        "  1. a numbered line that goes on and on",
        "     at",
        "     http://127.0.0.1:8080/dags/ingest",
    ] == fitted(text, Terminal()).splitlines()


def test_a_log_gets_sentences_whole():
    """Programs read it, and so does grep."""
    assert "word " * 100 == fitted("word " * 100, io.StringIO())


def test_a_line_that_changes_never_grows_longer_than_the_terminal(monkeypatch):
    """A longer one could not be rewritten; the time at its end is always seen."""
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    with Progress("copy", out) as progress:
        progress.show("word " * 100)

    line = out.getvalue().split("\r\x1b[K")[-2]
    assert (39, "… (0 s)") == (len(line), line[-7:])


def test_names_are_listed_as_in_a_sentence():
    """One, two or more."""
    assert ["a", "a and b", "a, b and c"] == [listed(names) for names in ("a", "ab", "abc")]
