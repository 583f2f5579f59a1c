"""
The command `plumbline`.

Exit codes: 0 done, 1 it could not be done (one sentence on standard error says why), 2 the command was not understood,
130 interrupted.  `--json` prints one JSON object on standard output and nothing else there.
"""

from __future__ import annotations

import os
import sys

from rich.text import Text

from plumbline.cli.app import app, notes
from plumbline.core.errors import PlumblineError
from plumbline.core.memory import cycles_left_at_exit


def main() -> None:
    """Run the command line, and turn an expected error into one sentence."""
    cycles_left_at_exit()
    for word in sys.argv[1:]:
        if not _is_text(word):
            told = os.fsencode(word).decode("utf-8", "backslashreplace")
            _say(f"{told} has bytes in it that are not UTF-8.")
            sys.exit(2)
    try:
        app(prog_name="plumbline")
    except PlumblineError as error:
        sys.stdout.flush()
        _say(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        _say("interrupted; nothing is lost, the next run goes on.")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _say(sentence: str) -> None:
    """On a terminal a line is broken between words; elsewhere it stays one, for whoever searches a log."""
    notes.print(Text(f"plumbline: {sentence}"), soft_wrap=not notes.is_terminal)


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
