"""A minimiser, a restorer, and sessions of those who may do less."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.privacy.listed import load_list
from plumbline.privacy.minimise import Minimiser
from plumbline.privacy.restore import Restorer


@pytest.fixture
def minimiser(tools: Tools) -> Minimiser:
    """Return the minimiser of the tenant `main`."""
    return Minimiser(tools, "main")


@pytest.fixture
def restorer(tools: Tools, run: Run) -> Restorer:
    """Return the way back, for a person."""
    return Restorer(tools, run, reason="reply to a customer", person="jo")


@pytest.fixture
def without_keys(tools: Tools) -> Tools:
    """Return tools of an installation that nobody gave a key."""
    return dataclasses.replace(tools, pseudonyms=None)


@pytest.fixture
def session(scratch, database) -> Iterator[Callable[..., psycopg.Connection[dict[str, Any]]]]:
    """Open sessions of a role, set to a tenant."""
    opened = []

    def open_one(role: str, tenant: str = "main") -> psycopg.Connection[dict[str, Any]]:
        made = psycopg.connect(scratch.url(database, role), autocommit=True, row_factory=dict_row)
        made.execute("select set_config('plumbline.tenant', %s, false)", [tenant])
        opened.append(made)
        return made

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def load(tools: Tools, tmp_path: Path) -> Callable[..., dict[str, int]]:
    """Load a customer list of (kind, value) pairs."""

    def once(*entries: tuple[str, str], tenant: str = "main") -> dict[str, int]:
        file = tmp_path / "customers.csv"
        rows = [f'{kind},"{value}"' for kind, value in entries]
        file.write_text("\n".join(["kind,value", *rows]) + "\n", encoding="utf-8")
        return load_list(tools, tenant, file, loaded_by="jo")

    return once
