"""
The command `plumbline`.

Exit codes: 0 done, 1 it could not be done (one sentence on standard error says why), 2 the command was not understood,
130 interrupted.  `--json` prints one JSON object on standard output and nothing else there.
"""

from __future__ import annotations

import sys

from plumbline.cli.app import app
from plumbline.core.errors import PlumblineError


def main() -> None:
    """Run the command line, and turn an expected error into one sentence."""
    try:
        app(prog_name="plumbline")
    except PlumblineError as error:
        sys.stdout.flush()
        print(f"plumbline: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("plumbline: interrupted; nothing is lost, the next run goes on.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
