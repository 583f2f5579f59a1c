"""`plumbline documents duplicates`: which documents say the same, or nearly."""

from __future__ import annotations

from textwrap import shorten
from typing import Annotated, Any

import typer
from rich.text import Text

from plumbline.cli.app import Json, Tenant, console, counted, print_json, say_below, things, working
from plumbline.cli.documents import Most, SourceName, documents, source_named

_SHOWN = 10  # documents of a group
_TITLE = 40  # characters


@documents.command()
def duplicates(
    *,
    source: SourceName = None,
    at_least: Annotated[
        float, typer.Option("--at-least", metavar="SHARE", help="How much is the same, 0.8 to 1.")
    ] = 0.8,
    limit: Most = 100,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List documents that are the same, or nearly, in groups; the largest first.  None of them is touched."""
    from plumbline.corpus import duplicate_groups

    with working("documents", tenant) as (tools, run):
        named = source_named(tools, run, source)
        report = duplicate_groups.duplicates(tools, run, at_least=at_least, source=named)
    shown, complete = report.groups[:limit], len(report.groups) <= limit
    if as_json:
        groups = [{"documents": group} for group in shown]
        print_json({"groups": groups, "complete": complete, "uncompared": report.uncompared})
        return
    for group in shown:
        show_group(group)
    _say_end(report.groups, at_least, complete=complete)
    if report.uncompared:
        waits = "waits" if report.uncompared == 1 else "wait"
        console.print(
            f"{counted(report.uncompared, 'document')} {waits} to be compared: the next ingestion does it."
        )


def show_group(group: list[dict[str, Any]]) -> None:
    """Print one group: its documents, and how much each is like another."""
    several = len({row["source"] for row in group}) > 1
    console.print(Text(_heading(group), style="bold"))
    for row in group[:_SHOWN]:
        title = shorten(row["title"] or "", _TITLE, placeholder="…")
        console.print(Text.assemble("  ", (row["path"], "cyan"), (f"  {title}", "dim")), soft_wrap=True)
        source = f" · {row['source']}" if several else ""
        say_below(f"{alike(row, group[0])} · since {row['published_at']:%Y-%m-%d}{source}", 4, style="dim")
    if (rest := len(group) - _SHOWN) > 0:
        say_below(f"and {counted(rest, 'document')} more, which --json lists")
    console.print()


def _heading(group: list[dict[str, Any]]) -> str:
    if all(row["identical"] for row in group[1:]):
        return f"{len(group):,} identical documents"
    least = percent(min(row["similarity"] for row in group[1:]))
    return f"{len(group):,} documents, each at least {least} the same as another"


def alike(row: dict[str, Any], first: dict[str, Any]) -> str:
    """Return in words how much a document is like the first of its group, or the one that it is most like.  Pure."""
    if row["like"] is None:
        return "the first"
    other = "the first" if row["like"]["document_id"] == first["document_id"] else row["like"]["path"]
    if row["identical"]:
        return f"identical to {other}"
    if row["similarity"] == 1:
        return f"the same words as {other}"
    return f"{percent(row['similarity'])} the same as {other}"


def percent(similarity: float) -> str:
    """Return a similarity as a percentage that never says more than is true: 0.9999 is 99 %.  Pure."""
    return f"{int(100 * similarity + 1e-9)} %"


def _say_end(groups: list[list[dict[str, Any]]], at_least: float, *, complete: bool) -> None:
    if not groups:
        same = "the same" if at_least == 1 else f"{percent(at_least)} the same"
        console.print(f"No two documents are {same}.")
        return
    several = sum(map(len, groups))
    more = "" if complete else " --limit shows more of them."
    said = f"{counted(several, 'document')} in {len(groups):,} {things(len(groups), 'group')}.{more}"
    console.print(Text(said, style="dim"))
