"""`plumbline documents`: what is in, what was refused, what changed, and how two versions differ."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Annotated, Any

import typer
from rich.text import Text

from plumbline.cli.app import Json, Tenant, app, console, counted, print_json, say_below, working
from plumbline.cli.corpus import kind_named

documents = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=False,
    help="What is in the knowledge base, what was refused and why, what changed since when.",
)
app.add_typer(documents, name="documents")

SourceName = Annotated[
    str | None, typer.Option("--source", metavar="NAME", help="Only of this source: its name, or its folder.")
]
Prefix = Annotated[
    str | None, typer.Option("--path", metavar="PREFIX", help="Only where the path begins so.")
]
Most = Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many.")]

_COLOURS = {"added": "green", "changed": "yellow", "removed": "red", "refused": "red", "reread": "dim"}


@documents.callback()
def list_documents(
    context: typer.Context,
    *,
    source: SourceName = None,
    path: Prefix = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only of this kind.")] = None,
    flagged: Annotated[
        bool, typer.Option("--flagged", help="Only those that try to instruct a model, with what they try.")
    ] = False,
    limit: Most = 100,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List the documents that are searchable now."""
    if context.invoked_subcommand is not None:
        return
    from plumbline.corpus import documents as known
    from plumbline.corpus.instructions import said

    with working("documents", tenant) as (tools, run):
        scope = known.Scope(source_named(tools, run, source), path, kind_named(kind), flagged)
        shown, complete = _first(known.documents(tools, run, scope), limit)
    if as_json:
        print_json({"documents": shown, "complete": complete})
        return
    several = len({row["source"] for row in shown}) > 1
    for row in shown:
        source_of = f"  of {row['source']}" if several else ""
        console.print(
            Text.assemble((row["path"], "bold cyan"), source_of, (f"  {row['title'] or ''}", "dim"))
        )
        say_below(
            f"{row['kind']} · {row['language']} · {counted(row['chunks'], 'chunk')} · "
            f"published {row['published_at']:%Y-%m-%d %H:%M} UTC",
            style="dim",
        )
        for flag in row["flags"]:
            say_below(f"! It {said(flag)}.", style="yellow")
    _say_rest(len(shown), complete=complete, thing="document")


@documents.command()
def refused(
    *,
    source: SourceName = None,
    path: Prefix = None,
    limit: Most = 100,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List the files that could not be taken in, each with its reason."""
    from plumbline.corpus import documents as known

    with working("documents", tenant) as (tools, run):
        scope = known.Scope(source_named(tools, run, source), path)
        shown, complete = _first(known.refusals(tools, run, scope), limit)
    if as_json:
        print_json({"refused": shown, "complete": complete})
        return
    for row in shown:
        console.print(Text(row["path"], style="bold"), soft_wrap=True)
        kept = " Its earlier version is still searchable." if row["still_published"] else ""
        say_below(f"{row['reason']}{kept} Since {row['first_refused_at']:%Y-%m-%d %H:%M} UTC.")
    _say_rest(len(shown), complete=complete, thing="file")


@documents.command()
def changes(
    *,
    since: Annotated[
        str, typer.Option(metavar="MOMENT", help="36h, 7d or 2w ago, a day, or a time in ISO 8601 (UTC).")
    ] = "7d",
    source: SourceName = None,
    path: Prefix = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what was only read anew, with the same text as before.")
    ] = False,
    limit: Most = 100,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List what was added, changed, removed or refused since a moment, the latest first."""
    from plumbline.core.clock import now
    from plumbline.corpus import documents as known

    begin = known.moment(since, now())
    with working("documents", tenant) as (tools, run):
        scope = known.Scope(source_named(tools, run, source), path)
        found = known.changes(tools, run, scope, since=begin, most=limit + 1, reread=everything)
        shown, complete = _first(found, limit)
    if as_json:
        print_json({"since": begin, "changes": shown, "complete": complete})
        return
    for row in shown:
        console.print(
            Text.assemble(
                (f"{row['at']:%Y-%m-%d %H:%M}  ", "dim"),
                (f"{row['what']:8}", _COLOURS[row["what"]]),
                f" {row['path']}",
            ),
            soft_wrap=True,
        )
        if row["reason"]:
            say_below(row["reason"], 27)
    _say_rest(len(shown), complete=complete, thing="change")


@documents.command()
def diff(
    document: Annotated[
        str, typer.Argument(metavar="PATH", help="Path of the document in its source, or its id.")
    ],
    *,
    older: Annotated[
        str | None, typer.Option("--from", metavar="VERSION", help="The beginning of a version's id.")
    ] = None,
    newer: Annotated[
        str | None, typer.Option("--to", metavar="VERSION", help="The same; the newest, without it.")
    ] = None,
    source: SourceName = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Show how two versions of a document differ: the two latest, unless others are named."""
    from plumbline.corpus import documents as known

    with working("documents", tenant) as (tools, run):
        named = source_named(tools, run, source)
        found = known.difference(tools, run, document, source=named, older=older, newer=newer)
    if as_json:
        ends = {name: _plain(row) for name, row in (("older", found.older), ("newer", found.newer))}
        print_json({"source": found.source, "path": found.path, **ends, "diff": found.lines})
        return
    if not found.lines:
        console.print("Their texts are the same.")
    for line in found.lines:
        console.print(Text(line, style=_style(line)), soft_wrap=True)


def _first(rows: Iterable[dict[str, Any]], limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The first rows, at most so many, and whether these are all."""
    found = list(islice(rows, limit + 1))
    return found[:limit], len(found) <= limit


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its fingerprints in hexadecimal."""
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in row.items()}


def _style(line: str) -> str:
    if line.startswith(("+++", "---", "@@")):
        return "bold"
    return {"+": "green", "-": "red"}.get(line[:1], "")


def source_named(tools: Any, run: Any, named: str | None) -> str | None:
    """Return the name of a source that was given by its name or its folder."""
    from plumbline.corpus.sources import known_source

    return None if named is None else known_source(tools, run, named).name


def _say_rest(shown: int, *, complete: bool, thing: str) -> None:
    if not shown:
        console.print(f"No {thing}.")
    elif complete:
        console.print(Text(f"{counted(shown, thing)}.", style="dim"))
    else:
        console.print(Text(f"{counted(shown, thing)}, and more: --limit shows them.", style="dim"))
