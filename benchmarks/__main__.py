"""Run one benchmark by the name of its module, and print what it measured."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys

NAMES = (
    "batch",
    "calls",
    "capacity",
    "chunking",
    "duplicates",
    "formats",
    "ingest",
    "privacy",
    "search",
    "search_scale",
)


def main(arguments: list[str]) -> int:
    """Run the named benchmark; its figures go to standard output, its progress to standard error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = parser.add_subparsers(dest="name", required=True)
    modules = {name: importlib.import_module(f"benchmarks.{name}") for name in NAMES}
    for name, module in modules.items():
        command = names.add_parser(
            name, description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        module.add_arguments(command)
        command.add_argument("--json", action="store_true", help="one JSON object on one line, for machines")
    options = parser.parse_args(arguments)
    # Asked to end, it still stops the services that it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    figures = modules[options.name].run(options)
    print(json.dumps(figures, indent=None if options.json else 2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
