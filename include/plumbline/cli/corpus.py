"""`plumbline ingest`, `plan ingest`, `search` and `status`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from plumbline.cli.app import Json, Tenant, app, console, notes, print_json, working

Folder = Annotated[Path, typer.Argument(help="Folder of documents: Markdown, text, HTML and PDF.")]
SourceName = Annotated[
    str | None,
    typer.Option("--source", help="Name of the source; a folder without one is known by its path."),
]

_REFUSALS_SHOWN = 20

plans = typer.Typer(no_args_is_help=True, help="What a run would do and cost, with no paid call.")
app.add_typer(plans, name="plan")


@app.command()
def ingest(
    path: Folder,
    *,
    source: SourceName = None,
    allow_empty: Annotated[
        bool,
        typer.Option("--allow-empty", help="The folder is meant to be empty: remove what is known from it."),
    ] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Make a folder of documents searchable.  Only what changed since the last time is read and paid for."""
    from plumbline.corpus.ingesting import ingest as run_ingestion

    began = time.monotonic()
    with working("ingest", tenant) as (tools, run), notes.status("starting") as status:

        def progress(doing: str) -> None:
            if notes.is_terminal:
                status.update(doing)
            elif not as_json:
                notes.print(f"{time.monotonic() - began:6.1f} s  {doing}")

        summary = run_ingestion(
            tools, run, folder=str(path), source=source, allow_empty=allow_empty, progress=progress
        )
    summary["seconds"] = round(time.monotonic() - began, 3)
    if as_json:
        print_json(summary)
    else:
        show_summary(summary)


@plans.command("ingest")
def plan_ingest(
    path: Folder, *, source: SourceName = None, tenant: Tenant = None, as_json: Json = False
) -> None:
    """Say what an ingestion of the folder would read, buy and cost.  Nothing is written, no paid call is made."""
    from plumbline.corpus.planning import plan_ingestion

    with working("plan", tenant) as (tools, run):
        plan = plan_ingestion(tools, run, folder=str(path), source=source)
    if as_json:
        print_json(plan)
        return
    console.print(f"[bold]An ingestion of[/bold] {escape(str(plan['location']))} would")
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    table.add_row(f"{plan['to_store']:,}", "documents read that are new or changed")
    table.add_row(f"{plan['unchanged']:,}", "documents left as they are")
    table.add_row(f"{plan['to_remove']:,}", "documents removed, which are gone from the folder")
    table.add_row(f"{plan['refused']:,}", "documents refused")
    table.add_row(f"{plan['chunks']:,}", "chunks made of those it reads")
    if plan["chunks_to_rebuild"]:
        rebuilt = "chunks, of all sources, given vectors anew: another model answers than that of the index in force"
        table.add_row(f"{plan['chunks_to_rebuild']:,}", rebuilt)
    table.add_row(
        f"{plan['to_buy']:,}",
        f"embeddings bought from {plan['answered_by']} ({plan['dimensions']} dimensions)",
    )
    table.add_row(f"{plan['tokens']:,}", "tokens sent")
    table.add_row(f"${plan['cost_usd']:.6f}", f"paid at {escape(str(plan['endpoint']))}")
    console.print(Padding(table, (0, 2)))
    show_refusals(cast("list[dict[str, Any]]", plan["refusals"]))


@app.command()
def search(
    question: Annotated[str, typer.Argument(help="What to look for, in any words.")],
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100, help="How many results.")] = 5,
    language: Annotated[str | None, typer.Option(help="Only documents in this language (ISO 639-1).")] = None,
    source: SourceName = None,
    path: Annotated[str | None, typer.Option(help="Only documents whose path begins so.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only documents of this kind: markdown, text, html or pdf.")
    ] = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Search what was ingested, by words and by meaning; every result cites the exact span it stands on."""
    from plumbline.corpus.search import Filters
    from plumbline.corpus.search import search as run_search

    filters = Filters(source=source, path_prefix=path, language=language, kind=kind)
    with working("search", tenant) as (tools, run):
        found = run_search(tools, run, question, limit=limit, filters=filters)
    if as_json:
        print_json(found.as_json())
    else:
        show_results(found)


@app.command()
def check(
    suite: Annotated[
        str, typer.Argument(help="Suite, as a path below include/expectations.")
    ] = "corpus/published",
    *,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Hold what is published to a suite of data checks, now; the results are kept with those of the runs."""
    from plumbline.provenance.expectations import run_suite
    from plumbline.provenance.recording import recorded

    with working("check", tenant) as (tools, run), recorded(tools.db, run) as receipt:
        receipt.update(run_suite(tools, run, suite=suite))
    if as_json:
        print_json(receipt)
    else:
        console.print(f"{receipt['passed']} of {receipt['checks']} checks of {suite} passed.")


@app.command()
def status(*, tenant: Tenant = None, as_json: Json = False) -> None:
    """Say what is searchable, from which sources, by which model, and what was spent."""
    from plumbline.core import db
    from plumbline.corpus.sources import known_as

    with working("status", tenant) as (tools, run), tools.db.transaction(run.tenant) as session:
        sources = db.rows(session, "corpus/select_status")
        spending = db.rows(session, "ledger/select_spending")
        for row in sources:
            row["refusals"] = db.rows(
                session, "corpus/select_refused", source_id=row["source_id"], page=100_000
            )
    if as_json:
        print_json({"tenant": run.tenant, "sources": sources, "spending": spending})
        return
    if not sources:
        console.print("Nothing has been ingested yet: `plumbline ingest FOLDER`.")
        return
    table = Table(
        "source", "documents", "chunks", "refused", "last published", "model", box=None, header_style="bold"
    )
    for row in sources:
        published = (
            row["published_at"].strftime("%Y-%m-%d %H:%M UTC")
            if row["published_at"]
            else row["state"] or "never"
        )
        model = f"{known_as(row['model'])} ({row['dimensions']})" if row["model"] else "none in force"
        table.add_row(
            Text(row["name"]),
            f"{row['documents']:,}",
            f"{row['chunks']:,}",
            f"{row['refused']:,}",
            published,
            model,
        )
    console.print(table)
    if spending:
        console.print()
        table = Table(
            "use", "model", "state", "calls", "inputs", "tokens", "cost", box=None, header_style="bold"
        )
        for row in spending:
            table.add_row(
                row["use"],
                row["model"],
                row["state"],
                f"{row['calls']:,}",
                f"{row['inputs']:,}",
                f"{row['tokens']:,}",
                f"${row['cost_usd']:.6f}",
            )
        console.print(table)


def show_summary(summary: dict[str, Any]) -> None:
    """Print what an ingestion came to."""
    by = f"by {summary['answered_by']} ({summary['dimensions']} dimensions)"
    console.print(f"[bold]{escape(str(summary['source']))}[/bold], {by}", soft_wrap=True)
    passed = summary["checks"] - summary["checks_failed"]
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    table.add_row(f"{summary['documents']:,}", f"documents are searchable, in {summary['chunks']:,} chunks")
    table.add_row(
        f"{summary['found']:,}",
        f"found: {summary['stored']:,} stored, {summary['unchanged']:,} unchanged, {summary['refused']:,} refused, "
        f"{summary['removed']:,} removed",
    )
    table.add_row(
        f"{summary['embedded']:,}", f"embeddings bought, {summary['reused']:,} had been bought before"
    )
    table.add_row(
        f"{summary['tokens']:,}",
        f"tokens billed, for ${summary['cost_usd']:.6f}; requests: {summary['requests']:,}",
    )
    table.add_row(f"{passed:,}", f"of {summary['checks']:,} data checks passed")
    console.print(Padding(table, (0, 2)))
    show_refusals(summary["refusals"])


def show_refusals(refusals: list[dict[str, Any]]) -> None:
    """Print the refused files with their reasons."""
    if not refusals:
        return
    console.print(f"[yellow]Refused[/yellow] ({len(refusals):,}):")
    for refusal in refusals[:_REFUSALS_SHOWN]:
        kept = "  (its earlier version is still searchable)" if refusal.get("still_published") else ""
        console.print(Padding(Text(f"{refusal['path']}: {refusal['reason']}{kept}"), (0, 2)))
    if len(refusals) > _REFUSALS_SHOWN:
        console.print(
            Padding(f"and {len(refusals) - _REFUSALS_SHOWN:,} more: `plumbline status --json`", (0, 2))
        )


def show_results(found: Any) -> None:
    """Print results with their cited spans."""
    if not found.hits:
        console.print("Nothing was found.")
    for number, hit in enumerate(found.hits, 1):
        where = " › ".join(hit.heading_path) or hit.title or ""
        page = f", page {hit.page}" if hit.page else ""
        console.print(Text.assemble((f"{number}. ", "bold"), (hit.path, "bold cyan"), (f"  {where}", "dim")))
        console.print(Padding(Text(hit.excerpt), (0, 3)))
        console.print(
            Padding(
                Text(
                    f"characters {hit.start}-{hit.end}{page} · score {hit.score:.3f} · {hit.chunk_id}",
                    style="dim",
                ),
                (0, 3),
            )
        )
    console.print(Text(found.remark, style="dim"))
