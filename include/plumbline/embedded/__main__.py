"""What the Makefile calls once the environment is there: `python -m plumbline.embedded demo|open|down`."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from pathlib import Path

from plumbline.core.errors import PlumblineError
from plumbline.embedded.errors import EmbeddedError

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
    demo.add_argument("--documents", type=Path, required=True, help="folder of documents")
    commands.add_parser("open", help="print the address and sign-in of the running Airflow")
    commands.add_parser("down", help="stop everything that the demo started")
    chosen = parser.parse_args(arguments)
    from plumbline.embedded import demo as scenes

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        if chosen.command == "demo":
            return scenes.run_demo(chosen.documents)
        return scenes.show_address() if chosen.command == "open" else scenes.stop()
    except (EmbeddedError, PlumblineError) as error:
        sys.stdout.flush()
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        if error.errno not in _PLAIN:
            raise
        print(f"{error.strerror}: {error.filename}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; nothing is lost, and the next run goes on.", file=sys.stderr)
        return _INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
