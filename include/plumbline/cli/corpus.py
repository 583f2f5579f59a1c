"""`plumbline ingest`, `search` and `check`."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from typing import Annotated, Any, get_args

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from plumbline.cli.app import (
    Json,
    Tenant,
    app,
    console,
    counted,
    print_json,
    progress,
    say_below,
    things,
    working,
)
from plumbline.corpus.kinds import Kind


def _named(folder: str | None) -> str | None:
    """Take a folder as it is typed; nothing, as of a variable that is not set, is not the current folder."""
    if folder is not None and not folder.strip():
        raise typer.BadParameter("The name of the folder is empty; the current one is called `.`.")
    return folder


def require_one(folder: str | None, source: str | None) -> None:
    """An inbox that is meant is named, as any other folder: what is not said is not guessed."""
    if folder is None and not source:
        raise typer.BadParameter("Say what to read: a folder, or a configured source by --source NAME.")


AnyFolder = Annotated[
    str | None,
    typer.Argument(
        metavar="PATH", callback=_named, help="Folder of documents: text, HTML, PDF, Word, mail and more."
    ),
]
SourceName = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="Name of a configured source; or of the folder, which without one is known by its path, and moved, is "
        "another source.",
    ),
]

_KINDS = get_args(Kind)
_REFUSALS_SHOWN = 20
_LARGEST_NUMBER = 2**53


@app.command()
def ingest(
    path: AnyFolder = None,
    *,
    source: SourceName = None,
    allow_empty: Annotated[
        bool,
        typer.Option("--allow-empty", help="The folder is meant to be empty: remove what is known from it."),
    ] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """
    Make the documents of a folder, or of a configured source, searchable.

    Only what changed since the last time is read and paid for.
    """
    from plumbline.corpus.ingesting import ingest as run_ingestion
    from plumbline.corpus.origins.refreshing import SourceAway

    require_one(path, source)
    began = time.monotonic()
    with working("ingest", tenant) as (tools, run), progress(quiet=as_json) as tell:
        summary = run_ingestion(
            tools, run, folder=path, source=source, allow_empty=allow_empty, progress=tell
        )
    summary["seconds"] = round(time.monotonic() - began, 3)
    if as_json:
        print_json(summary)
    else:
        show_summary(summary)
    if summary["problem"]:
        raise SourceAway(f"{summary['source']} did not answer, and stays as it was: {summary['problem']}")


@app.command()
def search(
    question: Annotated[str, typer.Argument(help="What to look for, in any words.")],
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=100, metavar="N", help="How many results, 1 to 100.")
    ] = 5,
    language: Annotated[
        str | None, typer.Option(metavar="CODE", help="Only chunks in this language (ISO 639-1).")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only documents of this source: its name, or its folder."),
    ] = None,
    path: Annotated[
        str | None, typer.Option(metavar="PREFIX", help="Only documents whose path begins so.")
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help=f"Only documents of this kind: {', '.join(_KINDS)}."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Only documents that say this of themselves, in their front matter or properties; may be given "
            "several times. A number, true, false and a list are written as in JSON; all else is text.",
        ),
    ] = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Search what was ingested, by words and by meaning; every result cites the exact span it stands on."""
    from plumbline.corpus.search import Filters
    from plumbline.corpus.search import search as run_search
    from plumbline.corpus.sources import find_source, known_sources

    filters = Filters(
        path_prefix=path,
        language=language and language.lower(),
        kind=kind_named(kind),
        metadata=metadata_of(metadata or []),
    )
    with working("search", tenant) as (tools, run):
        if source is not None and (known := known_sources(tools, run)):
            filters = replace(filters, source=find_source(known, source, run.tenant).name)
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


def kind_named(kind: str | None) -> str | None:
    """
    Return the kind of document that somebody names.  Pure.

    Raises:
        BadParameter: There is none of this name.
    """
    if kind is not None and kind not in _KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(_KINDS)}.", param_hint="'--kind'")
    return kind


def metadata_of(entries: list[str]) -> dict[str, Any]:
    """
    Read KEY=VALUE entries as front matter would be kept.  Pure.

    Raises:
        BadParameter: One has another form, or a key comes twice.
    """
    found: dict[str, Any] = {}
    for entry in entries:
        key, equals, value = entry.partition("=")
        if not key or not equals:
            raise typer.BadParameter(f"{entry!r} is not KEY=VALUE.", param_hint="'--metadata'")
        if key in found:
            raise typer.BadParameter(f"{key!r} is given twice.", param_hint="'--metadata'")
        found[key] = _value(value)
    return found


def _value(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(value, list):
        return [str(word) for word in value]
    if isinstance(value, int):  # one that is kept as text is looked for as text
        return value if abs(value) < _LARGEST_NUMBER else text
    if isinstance(value, float):
        return value if math.isfinite(value) else text
    return value if isinstance(value, str) else text


def show_summary(summary: dict[str, Any]) -> None:
    """Print what an ingestion came to."""
    if not summary["found"]:
        console.print(
            Text(f"{summary['source']}: nothing was found there, and nothing is known from it."),
            soft_wrap=True,
        )
        return
    console.print(Text(str(summary["source"]), style="bold"), soft_wrap=True)
    console.print(f"by {summary['answered_by']} ({summary['dimensions']} dimensions)")
    searchable = (
        f"{things(summary['documents'], 'document')} searchable, in {counted(summary['chunks'], 'chunk')}"
    )
    found = f"found: {summary['stored']:,} stored, {summary['unchanged']:,} unchanged, "
    found += f"{summary['refused']:,} refused, {summary['removed']:,} removed"
    bought = (
        f"{things(summary['embedded'], 'embedding')} bought, {summary['reused']:,} had been bought before"
    )
    billed = f"{things(summary['tokens'], 'token')} billed, for ${summary['cost_usd']:.6f}; "
    billed += f"requests: {summary['requests']:,}"
    rows = [
        (summary["documents"], searchable),
        (summary["found"], found),
        (summary["embedded"], bought),
        (summary["tokens"], billed),
        (summary["checks"] - summary["checks_failed"], f"of {summary['checks']:,} data checks passed"),
    ]
    show_numbered(rows)
    show_refusals(summary["refusals"], summary["refused"], listed_by="plumbline status --json")


def show_numbered(rows: list[tuple[int, str]]) -> None:
    """Print numbers below each other, each with what it counts."""
    if not console.is_terminal:  # a table would fill its lines with blanks
        width = max(len(f"{number:,}") for number, _ in rows)
        for number, what in rows:
            console.print(Text(f"  {number:>{width},} {what}"))
        return
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right")
    for number, what in rows:
        table.add_row(f"{number:,}", Text(what))
    console.print(Padding(table, (0, 0, 0, 2), expand=False))


def show_refusals(refusals: list[dict[str, Any]], count: int, *, listed_by: str) -> None:
    """Print the first of the refused files with their reasons, how many there are, and what lists more."""
    if not refusals:
        return
    count = max(count, len(refusals))  # files of a folder that was closed this time were refused before
    console.print(f"[yellow]Refused[/yellow] ({count:,}):")
    for refusal in refusals[:_REFUSALS_SHOWN]:
        kept = "  (its earlier version is still searchable)" if refusal.get("still_published") else ""
        say_below(f"{refusal['path']}: {refusal['reason']}{kept}")
    if count > _REFUSALS_SHOWN:
        say_below(f"and {count - _REFUSALS_SHOWN:,} more: {listed_by}")


def show_results(found: Any) -> None:
    """Print results with their cited spans."""
    from plumbline.corpus.instructions import said

    if not found.hits:
        console.print("Nothing was found.")
    several = len({hit.source for hit in found.hits}) > 1
    for number, hit in enumerate(found.hits, 1):
        where = " › ".join(hit.heading_path) or hit.title or ""
        page = _pages(hit)
        source = f"  of {hit.source}" if several else ""
        console.print(
            Text.assemble((f"{number}. ", "bold"), (hit.path, "bold cyan"), source, (f"  {where}", "dim"))
        )
        say_below(_lines_of_excerpt(hit), 3)
        where = f"characters {hit.start}-{hit.end}{page} · score {hit.score:.3f} · {hit.chunk_id}"
        say_below(where, 3, style="dim")
        for flag in hit.flags:
            say_below(f"! This text {said(flag)}; it is shown, and not obeyed.", 3, style="yellow")
    console.print(Text(found.remark, style="dim"))


def _pages(hit: Any) -> str:
    """Where a reader turns to; a chunk may go over several pages."""
    if not hit.page:
        return ""
    several = hit.last_page is not None and hit.last_page > hit.page
    return f", pages {hit.page}-{hit.last_page}" if several else f", page {hit.page}"


def _lines_of_excerpt(hit: Any) -> str:
    """The excerpt as it stands in the document, without its blank lines."""
    cited = hit.text[hit.excerpt_start - hit.start : hit.excerpt_end - hit.start]
    return "\n".join(line for line in cited.split("\n") if line.strip())
