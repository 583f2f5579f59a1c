"""`plumbline status` and `forget`: which sources there are, and how one goes."""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from plumbline.cli.app import (
    Json,
    Tenant,
    app,
    console,
    counted,
    print_json,
    progress,
    require_consent,
    say_below,
    working,
)


@app.command()
def status(*, tenant: Tenant = None, as_json: Json = False) -> None:
    """Say what is searchable, from which sources, by which model, and what was spent."""
    from plumbline.core import db
    from plumbline.models import list_failing

    with working("status", tenant) as (tools, run), tools.db.transaction(run.tenant) as session:
        resting = [one for one in list_failing(tools.db) if one.opened_at]
        sources = db.rows(session, "corpus/select_status")
        spending = db.rows(session, "ledger/select_spending")
        for row in sources:
            row["refusals"] = db.rows(
                session, "corpus/select_refused", source_id=row["source_id"], page=100_000
            )
    if as_json:
        told = [dataclasses.asdict(one) for one in resting]
        print_json({"tenant": run.tenant, "sources": sources, "spending": spending, "resting": told})
        return
    if not sources:
        console.print("Nothing has been ingested yet: `plumbline ingest FOLDER`.")
    for row in sources:
        _show_source(row)
    if sources:
        _show_model(sources[0])
    if spending:
        _show_spending(spending)
    for one in resting:
        console.print(f"[red]{escape(one.model)}[/red] at {escape(one.endpoint)}")
        say_below(one.sentence)


@app.command()
def forget(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="Its name, as `plumbline status` shows it, or its folder."),
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """
    Remove all documents of a source, with their chunks, words, vectors and refusals.  Its files are not touched.

    It goes the way of documents that left their folder: at once, checked, and on record.
    """
    from plumbline.core import db
    from plumbline.corpus.ingesting import forget as run_forgetting
    from plumbline.corpus.sources import known_source

    with working("forget", tenant) as (tools, run):
        target = known_source(tools, run, source)
        with tools.db.transaction(run.tenant) as session:
            known: dict[str, Any] = db.rows(session, "corpus/count_source", source_id=target.source_id)[0]
        if not yes:
            goes = f"{counted(known['documents'], 'document')} in {counted(known['chunks'], 'chunk')}"
            require_consent(
                f"{target.name} has {goes}. Forget all of it?", otherwise="Nothing was forgotten."
            )
        with progress(quiet=as_json) as tell:
            summary: dict[str, Any] = run_forgetting(tools, run, source=target.name, progress=tell)
    if as_json:
        print_json(summary)
        return
    gone = f"{counted(summary['removed'], 'document')} and {counted(summary['chunks_removed'], 'chunk')}"
    console.print(f"[bold]{escape(target.name)}[/bold] is forgotten: {gone} are gone.", soft_wrap=True)
    if target.location == str(tools.settings.inbox.absolute()):
        console.print("The DAG ingest_documents reads this folder, and will take it in again.")


def _show_model(row: dict[str, Any]) -> None:
    """The index in force is the same for all sources of a tenant."""
    from plumbline.corpus.sources import known_as

    if row["model"]:
        console.print(f"Vectors by {known_as(row['model'])} ({row['dimensions']} dimensions).")


def _show_source(row: dict[str, Any]) -> None:
    console.print(Text(row["name"], style="bold"), soft_wrap=True)
    if row["name"] != f"folder:{row['location']}":
        console.print(Text(f"  {row['location']}"), soft_wrap=True)
    refused = f"; {counted(row['refused'], 'file')} refused" if row["refused"] else ""
    lines = [f"{counted(row['documents'], 'document')} in {counted(row['chunks'], 'chunk')}{refused}"]
    if row["state"] == "published":
        lines.append(f"published {row['published_at']:%Y-%m-%d %H:%M} UTC")
    elif row["scanned_at"]:
        lines.append(f"read {row['scanned_at']:%Y-%m-%d %H:%M} UTC, and not published since")
    for line in lines:
        say_below(line)


def _show_spending(spending: list[dict[str, Any]]) -> None:
    from plumbline.corpus.sources import known_as

    table = Table("use", Column("by", overflow="fold"), "calls", "inputs", "tokens", "cost", box=None)
    table.header_style = "bold"
    for column in table.columns[2:]:
        column.justify = "right"
    for row in spending:
        use = row["use"] if row["state"] == "settled" else f"{row['use']}, {row['state']}"
        at = "" if row["endpoint"] == "embedded" else f"\n{row['endpoint']}"
        table.add_row(
            use,
            Text(f"{known_as(row['model'])}{at}"),
            f"{row['calls']:,}",
            f"{row['inputs']:,}",
            f"{row['tokens']:,}",
            f"${row['cost_usd']:.6f}",
        )
    console.print()
    console.print(table)
