"""
What the Makefile calls once the environment is there: `python -m plumbline.embedded demo|open|down|clean`.

`down` and `clean` need no environment: any Python of ours will do.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import stat
import sys

from plumbline.core.errors import PlumblineError
from plumbline.embedded.errors import EmbeddedError
from plumbline.embedded.terminal import say

_INTERRUPTED = 130
_PLAIN = {
    errno.EACCES,
    errno.EPERM,
    errno.ENOSPC,
    errno.EROFS,
    errno.EDQUOT,
}  # a trace would add nothing to these


def main(arguments: list[str] | None = None) -> int:
    """Run one command; an expected error becomes one sentence and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m plumbline.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="documents to a searchable knowledge base, in a running Airflow")
    demo.add_argument("--documents", help="folder of documents (default: the one that was read last)")
    commands.add_parser("open", help="print the address and sign-in of the running Airflow")
    commands.add_parser("down", help="stop everything that the demo started")
    commands.add_parser("clean", help="stop everything, and remove the state folder and .venv")
    chosen = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        return _run(chosen)
    except (EmbeddedError, PlumblineError) as error:
        sys.stdout.flush()
        say(str(error), sys.stderr)
        return 1
    except OSError as error:
        if _nobody_listens(error):
            # What was not written must not fail once again at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        if error.errno not in _PLAIN:
            raise
        say(f"{error.strerror}: {error.filename}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        with contextlib.suppress(OSError):  # a terminal that was closed interrupts, and hears nothing
            say("Interrupted; nothing is lost, and the next run goes on.", sys.stderr)
        return _INTERRUPTED


def _nobody_listens(error: OSError) -> bool:
    """Whether what we wrote to is gone: the reader of a pipe, or the terminal."""
    to_terminal = stat.S_ISCHR(os.fstat(sys.stdout.fileno()).st_mode)
    return error.errno == errno.EPIPE or (error.errno == errno.EIO and error.filename is None and to_terminal)


def _run(chosen: argparse.Namespace) -> int:
    # `down` and `clean` work without the environment, which `demo` needs; and imports take long enough to interrupt.
    if chosen.command in {"down", "clean"}:
        from plumbline.embedded import ending

        return ending.stop() if chosen.command == "down" else ending.clean()
    from plumbline.embedded import demo

    return demo.run_demo(chosen.documents) if chosen.command == "demo" else demo.show_address()


if __name__ == "__main__":
    sys.exit(main())
