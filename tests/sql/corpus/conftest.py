"""A small inbox and the means to ingest it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from plumbline.core.receipts import Receipt, Run
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.corpus.summary import summarise

HANDBOOK = """# Handbook

How we work at the harbour.

## Leave

Every colleague has thirty days of leave a year. Unused days expire at the end of March.

## Travel

Trains are booked by the office. A taxi is paid only after ten at night, or with heavy luggage.

## Illness

Whoever is ill tells the team before nine and brings a doctor's note on the third day.
"""


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with three documents."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "handbook.md").write_text(HANDBOOK)
    (folder / "prices.txt").write_text(
        "A berth costs 40 euros a night. Water and power are included in the price.\n"
    )
    (folder / "hours.md").write_text(
        "# Opening hours\n\nThe harbour office opens at eight and closes at six.\n"
    )
    return folder


@pytest.fixture
def ingest(tools: Tools, run: Run, inbox: Path) -> Callable[..., Receipt]:
    """Ingest the inbox, each time as a run of its own, without the suite that takes seconds to start."""

    def once(folder: Path = inbox, *, tools: Tools = tools, **inputs: object) -> Receipt:
        this = dataclasses.replace(
            run,
            dag_run_id=f"test__{uuid.uuid4()}",
            **({"tenant": inputs.pop("tenant")} if "tenant" in inputs else {}),
        )
        load(tools, this, folder=str(folder), **inputs)
        return summarise(tools, this, dag_run_id=this.dag_run_id)

    return once


@pytest.fixture
def rows(tools: Tools) -> Callable[..., list[dict[str, object]]]:
    """Run a query as the tenant `main` and return its rows."""

    def ask(query: str, *parameters: object, tenant: str = "main") -> list[dict[str, object]]:
        with tools.db.transaction(tenant) as session:
            return session.execute(query, parameters or None).fetchall()

    return ask


@pytest.fixture
def owner(scratch, database):
    """A session of the owner, set to the tenant."""
    with psycopg.connect(scratch.url(database, "owner"), autocommit=True, row_factory=dict_row) as session:
        session.execute("select set_config('plumbline.tenant', 'main', false)")
        yield session


@pytest.fixture
def app(scratch, database):
    """A session of the application, set to the tenant."""
    with psycopg.connect(scratch.url(database, "app"), autocommit=True, row_factory=dict_row) as session:
        session.execute("select set_config('plumbline.tenant', 'main', false)")
        yield session
