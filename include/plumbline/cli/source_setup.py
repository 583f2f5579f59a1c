"""`plumbline sources`: which sources are configured, and how one is added, changed or paused."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from plumbline.cli.app import Json, Tenant, app, console, counted, print_json, say_below, working

sources = typer.Typer(help="Where documents come from: folders, object stores, the web, mailboxes.")
app.add_typer(sources, name="sources")

Owner = Annotated[str | None, typer.Option(metavar="TEAM", help="Team that answers for it.")]
SensitivityOption = Annotated[
    str | None,
    typer.Option("--sensitivity", metavar="LEVEL", help="public, internal or confidential."),
]
KeepDays = Annotated[
    int | None,
    typer.Option(
        "--keep-days",
        min=0,
        metavar="DAYS",
        help="Time-to-live: what its source has not changed for so long is removed; 0: never.",
    ),
]
Every = Annotated[
    int | None,
    typer.Option("--every", min=1, metavar="MINUTES", help="How often it is looked at (default: 60)."),
]
Urls = Annotated[
    Path | None,
    typer.Option("--urls", metavar="FILE", help="Pages of the web: a file with one address a line."),
]
Take = Annotated[
    list[str] | None,
    typer.Option(
        "--take", metavar="PATTERN", help="Of a sitemap, only paths such as '/docs/*'; several times."
    ),
]
Leave = Annotated[
    list[str] | None,
    typer.Option(
        "--leave", metavar="PATTERN", help="Of a sitemap, no paths such as '/blog/*'; several times."
    ),
]
Delay = Annotated[
    float | None,
    typer.Option(
        min=0.1, max=60, metavar="SECONDS", help="Least time between two requests to a site (default: 1)."
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the source.")]


@sources.callback(invoke_without_command=True)
def list_sources(context: typer.Context, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """List the sources: where they are, who answers for them, how they were the last time."""
    if context.invoked_subcommand is not None:
        return
    from plumbline.core import db

    with working("sources", tenant) as (tools, run), tools.db.transaction(run.tenant) as session:
        rows = db.rows(session, "corpus/select_sources")
        counts = [db.rows(session, "corpus/count_source", source_id=row["source_id"])[0] for row in rows]
    rows = [{**row, **counted_now} for row, counted_now in zip(rows, counts, strict=True)]
    if as_json:
        print_json({"tenant": run.tenant, "sources": rows})
        return
    for row in rows:
        _show(row)
    if not rows:
        console.print("No source is known yet: `plumbline sources add NAME --folder FOLDER`, or `--help`.")


@sources.command("add")
def add(
    name: Name,
    *,
    folder: Annotated[str | None, typer.Option(metavar="PATH", help="A folder.")] = None,
    store: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="An object store, such as s3://connection@bucket/folder."),
    ] = None,
    sitemap: Annotated[
        str | None, typer.Option(metavar="URL", help="Pages of the web: all that a sitemap lists.")
    ] = None,
    url: Annotated[
        list[str] | None, typer.Option("--url", metavar="URL", help="A page of the web; several times.")
    ] = None,
    urls: Urls = None,
    mailbox: Annotated[str | None, typer.Option(metavar="FILE", help="An exported mailbox (mbox).")] = None,
    owner: Owner = None,
    sensitivity: SensitivityOption = None,
    keep_days: KeepDays = None,
    every: Every = None,
    take: Take = None,
    leave: Leave = None,
    delay: Delay = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Add a source.  The DAG ingest_sources reads it within the hour, `plumbline ingest --source NAME` at once."""
    from plumbline.corpus.configuring import Configuration, add_source

    pages = [*(url or ()), *(_lines(urls) if urls else ())]
    named = {"folder": folder, "store": store, "sitemap": sitemap, "mailbox": mailbox, "urls": pages or None}
    given = {kind: place for kind, place in named.items() if place}
    if len(given) != 1:
        raise typer.BadParameter(
            "Say where it is, in one way: --folder, --store, --sitemap, --url or --urls, or --mailbox."
        )
    ((kind, place),) = given.items()
    options = _options(take, leave, delay) | ({"urls": list(dict.fromkeys(pages))} if kind == "urls" else {})
    with working("sources", tenant) as (tools, run):
        wanted = Configuration(
            name=name,
            kind=kind,  # type: ignore[arg-type]
            location=counted(len(options["urls"]), "page") if kind == "urls" else str(place),
            owner=owner or run.team,
            options=options,
            **_given(sensitivity=sensitivity, keep_days=keep_days or None, every_minutes=every),
        )
        receipt = add_source(tools, run, wanted)
    if as_json:
        print_json(receipt)
        return
    console.print(Text(f"{receipt['source']} is added: {receipt['location']}."), soft_wrap=True)
    by_dag = "" if receipt["remark"] else "; the DAG ingest_sources, when it is due"
    console.print(
        Text(f"`plumbline ingest --source {shlex.quote(name)}` reads it now{by_dag}."), soft_wrap=True
    )
    _remark(receipt)


@sources.command("set")
def change(
    name: Name,
    *,
    urls: Urls = None,
    owner: Owner = None,
    sensitivity: SensitivityOption = None,
    keep_days: KeepDays = None,
    every: Every = None,
    take: Take = None,
    leave: Leave = None,
    delay: Delay = None,
    paused: Annotated[
        bool | None,
        typer.Option("--paused/--resumed", help="Whether the DAG ingest_sources passes it over."),
    ] = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Change a source; what is not named stays as it is."""
    from plumbline.corpus.configuring import change_source

    options = _options(take, leave, delay)
    changes = _given(owner=owner, sensitivity=sensitivity, every_minutes=every)
    if urls is not None:
        options["urls"] = list(dict.fromkeys(_lines(urls)))
        changes["location"] = counted(len(options["urls"]), "page")
    if options:
        changes["options"] = options
    if keep_days is not None:
        changes["keep_days"] = keep_days or None
    if paused is not None:
        changes["enabled"] = not paused
    if not changes:
        raise typer.BadParameter("Say what to change; `plumbline sources set --help` lists it.")
    with working("sources", tenant) as (tools, run):
        receipt = change_source(tools, run, name, changes)
    if as_json:
        print_json(receipt)
    else:
        console.print(Text(f"{receipt['source']} is changed."))
        _remark(receipt)


def _remark(receipt: dict[str, Any]) -> None:
    if receipt["remark"]:
        console.print(Text(str(receipt["remark"]), style="yellow"), soft_wrap=True)


def _options(take: list[str] | None, leave: list[str] | None, delay: float | None) -> dict[str, Any]:
    return _given(take=take, leave=leave, delay=delay)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _lines(file: Path) -> list[str]:
    """The addresses of a file: one a line; empty lines and those that begin with # are left out."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{file} cannot be read: {error}.", param_hint="'--urls'") from error
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _show(row: dict[str, Any]) -> None:
    console.print(Text(row["name"], style="bold"), soft_wrap=True)
    lines = [f"{row['kind']}: {row['location']}"] if row["name"] != f"folder:{row['location']}" else []
    lines.append(f"{counted(row['documents'], 'document')}, {counted(row['refused'], 'file')} refused")
    lines.append(f"{row['owner']} answers for it; {row['sensitivity']}")
    if row["keep_days"]:
        lines.append(f"keeps what was changed in the last {counted(row['keep_days'], 'day')}")
    if row["configured_at"]:
        lines.append(
            f"looked at every {counted(row['every_minutes'], 'minute')}" if row["enabled"] else "paused"
        )
    else:
        lines.append("not configured: read when somebody asks, or as the inbox")
    for line in lines:
        say_below(line)
    if row["problem"]:
        say_below(f"did not answer: {row['problem']}", style="yellow")
