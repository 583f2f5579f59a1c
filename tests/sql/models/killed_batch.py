"""A worker on batches that is killed at a boundary: `killed_batch.py BOUNDARY PLAN DATABASE MODEL`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

from plumbline.core.db import Database
from plumbline.models.batches import Work, advance, advancing, landing, mending
from plumbline.models.batches.provider import Provider
from plumbline.models.endpoints import embedded
from plumbline.models.policy import Policy

TENANT = "main"


def die(*_: object, **__: object) -> None:
    """End as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(done: Callable[..., Any]) -> Callable[..., Any]:
    """Do it, and die."""

    def do(*given: Any, **named: Any) -> None:
        done(*given, **named)
        die()

    return do


def after_some(done: Callable[..., Any]) -> Callable[..., Any]:
    """Do it, and die when something was done."""

    def do(*given: Any) -> Any:
        if done(*given):
            die()

    return do


BOUNDARIES: dict[str, Callable[[], None]] = {
    "before upload": lambda: setattr(Provider, "upload", die),
    "after upload": lambda: setattr(Provider, "upload", after(Provider.upload)),
    "before create": lambda: setattr(Provider, "create", die),
    "after create": lambda: setattr(Provider, "create", after(Provider.create)),
    "within landing": lambda: (
        setattr(landing, "PAGE", 1),
        setattr(landing._Landing, "end", after(landing._Landing.end)),
    )[0],
    "before landed": lambda: setattr(landing._Landing, "finish", die),
    "before mended": lambda: setattr(advancing, "mend", die),
    "within mending": lambda: setattr(mending, "_move", after(mending._move)),
    "after mended": lambda: setattr(advancing, "mend", after_some(advancing.mend)),
    "after landed": lambda: setattr(Provider, "delete", after(Provider.delete)),
}


def main() -> None:
    """Take turns until killed."""
    boundary, plan_id, database, model = sys.argv[1:]
    BOUNDARIES[boundary]()
    work = Work(Database(database), TENANT, embedded(model), Policy())
    for _ in range(2_000):
        if advance(work, UUID(plan_id)).done:
            raise SystemExit(f"{boundary} was never met")


main()
