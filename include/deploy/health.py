# ruff: noqa: INP001 - containers run this file; nobody imports it
"""
Answer a container's health check: `health.py URL [part]`.

The promise: status 0 when the address answers 200 and, where a part is named, when Airflow's own report says that it
is alive; otherwise status 1 and one sentence.  Standard library only: starting Airflow's command line for each check
would cost seconds of a processor every minute, in every container.
"""

from __future__ import annotations

import json
import sys
from http.client import HTTPException
from urllib.request import urlopen

PATIENCE_SECONDS = 8


def judge(report: bytes, part: str | None) -> str | None:
    """Return what is wrong with `part` according to the report, or None when it is well."""
    if part is None:
        return None
    try:
        found = json.loads(report)[part]["status"]
    except (ValueError, KeyError, TypeError):
        return f"the report does not mention {part}"
    return None if found == "healthy" else f"{part} is {found}"


def main(url: str, part: str | None = None) -> int:
    """Ask, judge, say."""
    try:
        with urlopen(url, timeout=PATIENCE_SECONDS) as answer:  # noqa: S310 - the compose file names the address
            wrong = judge(answer.read(), part)
    except (OSError, HTTPException) as error:
        wrong = f"{url} does not answer: {error}"
    print(wrong or "healthy")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
