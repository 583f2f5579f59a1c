"""`plumbline index`: which index versions there are; how another is built, compared, swapped and brought back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
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
    require_consent,
    say_below,
    things,
    working,
)

_WORSE_SHOWN = 10
_MEGABYTE = 10**6
_COMPARED = (("against_hit_5", "against_mrr"), ("hit_5", "mrr"))

indexes = typer.Typer(
    invoke_without_command=True, help="Index versions: list, build beside, compare, swap, go back."
)
app.add_typer(indexes, name="index")

Model = Annotated[
    str | None, typer.Option(metavar="NAME", help="Embedding model (default: the one that answers now).")
]
Dimensions = Annotated[
    int,
    typer.Option(
        min=0, metavar="N", help="Length of its vectors (default: the model's own).", show_default=False
    ),
]
Number = Annotated[
    int | None, typer.Argument(metavar="N", help="Number of the index (default: the one in the making).")
]
Batch = Annotated[
    bool,
    typer.Option("--batch", help="Through the Batch API, at about half the price, within a day."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@indexes.callback()
def list_(context: typer.Context, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """List every index version that still has a table."""
    from plumbline.corpus.versions import list_versions

    if context.invoked_subcommand is not None:
        if tenant is not None or as_json:
            raise typer.BadParameter(f"Options come after the word {context.invoked_subcommand}.")
        return
    with working("index", tenant) as (tools, run):
        found = list_versions(tools, run)
    if as_json:
        print_json({"tenant": run.tenant, "indexes": found})
        return
    if not found:
        console.print("There is no index yet: `plumbline ingest FOLDER`.")
    for row in found:
        _show_version(row)


@indexes.command()
def plan(
    *,
    model: Model = None,
    dimensions: Dimensions = 0,
    batch: Annotated[
        bool, typer.Option("--batch", help="Say which budgets have no room for the price in batches.")
    ] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Say what building an index would buy, cost and take.  Nothing is written, no paid call is made."""
    from plumbline.corpus.index_plans import plan_index

    with working("index.plan", tenant) as (tools, run):
        planned: dict[str, Any] = plan_index(tools, run, model=model, dimensions=dimensions, batch=batch)
    if as_json:
        print_json(planned)
        return
    console.print("A plan: nothing was written, and nothing was paid.")
    _show_plan(planned)


@indexes.command()
def build(
    *,
    model: Model = None,
    dimensions: Dimensions = 0,
    batch: Batch = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Build an index beside the one in force, or complete what is missing; searches go on meanwhile."""
    from plumbline.corpus.indexing import build_index
    from plumbline.provenance.recording import recorded

    with (
        working("index.build", tenant) as (tools, run),
        progress(quiet=as_json) as tell,
        recorded(tools.db, run) as receipt,
    ):
        receipt.update(
            build_index(tools, run, model=model, dimensions=dimensions, in_batches=batch, progress=tell)
        )
    if as_json:
        print_json(receipt)
        return
    said: dict[str, Any] = receipt
    console.print(f"[bold]Index {said['index_id']}[/bold]: {said['model']}, {said['dimensions']} dimensions")
    say_below(
        f"{counted(said['given'], 'chunk')} given their vectors; {counted(said['bought'], 'embedding')} bought"
    )
    say_below(f"{counted(said['tokens'], 'token')} billed, for ${float(said['cost_usd']):.6f}")
    if batch:
        made = f"{said['batches']:,} {'batch' if said['batches'] == 1 else 'batches'}"
        if said.get("in_doubt"):
            say_below(
                f"{counted(said['in_doubt'], 'input')} left out of them, in doubt: plumbline calls unknown"
            )
        say_below(f"{made} before that, for ${float(said['batch_cost_usd']):.6f}")
    console.print("It is complete. Next: `plumbline index compare`, then `plumbline index swap`.")


@indexes.command()
def compare(
    number: Number = None,
    *,
    queries: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help='Golden questions: JSON lines {"id", "text", "relevant": [paths]}.'
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=5, max=100, metavar="N", help="Results looked at, 5 to 100.")
    ] = 10,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Ask golden questions of an index and of the one in force, as searches would, and keep what it showed."""
    from plumbline.corpus.comparing import compare_index
    from plumbline.provenance.recording import recorded

    with working("index.compare", tenant) as (tools, run), recorded(tools.db, run) as receipt:
        receipt.update(compare_index(tools, run, index_id=number, queries=queries, limit=limit))
    if as_json:
        print_json(receipt)
    else:
        _show_comparison(receipt)


@indexes.command()
def swap(
    number: Number = None,
    *,
    without_comparison: Annotated[
        bool, typer.Option("--without-comparison", help="Nobody need have compared it with the one in force.")
    ] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Put an index into force, in one transaction; the one before is kept for 30 days."""
    from plumbline.corpus.swapping import swap_index
    from plumbline.provenance.recording import recorded

    with (
        working("index.swap", tenant) as (tools, run),
        progress(quiet=as_json) as tell,
        recorded(tools.db, run) as receipt,
    ):
        receipt.update(
            swap_index(tools, run, index_id=number, without_comparison=without_comparison, progress=tell)
        )
    _show_swap(receipt, as_json=as_json)


@indexes.command()
def back(*, yes: Yes = False, tenant: Tenant = None, as_json: Json = False) -> None:
    """Bring the index back that was in force before, completed by what was published since."""
    from plumbline.corpus.index_plans import plan_index
    from plumbline.corpus.swapping import bring_back, previous_index
    from plumbline.provenance.recording import recorded

    with working("index.back", tenant) as (tools, run):
        planned: dict[str, Any] = plan_index(tools, run, index_id=previous_index(tools, run)["index_id"])
        if not yes:
            price = planned["remark"] or f"${planned['cost_usd']:.6f}"
            what = f"{planned['model']}, {planned['dimensions']} dimensions"
            to_buy = f"{counted(planned['to_buy'], 'embedding')}, {price}"
            question = f"Bring back index {planned['index_id']} ({what})? To buy: {to_buy}."
            require_consent(question, otherwise="Nothing was brought back.")
        with progress(quiet=as_json) as tell, recorded(tools.db, run) as receipt:
            receipt.update(bring_back(tools, run, progress=tell))
    _show_swap(receipt, as_json=as_json)


@indexes.command()
def drop(
    number: Annotated[int, typer.Argument(metavar="N", help="Number of the index, which is not in force.")],
    *,
    yes: Yes = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Drop an index that is not in force: a retired one, or one whose making was given up."""
    from plumbline.corpus.swapping import drop_index
    from plumbline.provenance.recording import recorded

    with working("index.drop", tenant) as (tools, run):
        if not yes:
            question = f"Drop index {number} with all its vectors? What was paid for them is lost."
            require_consent(question, otherwise="Nothing was dropped.")
        with recorded(tools.db, run) as receipt:
            receipt.update(drop_index(tools, run, index_id=number))
    if as_json:
        print_json(receipt)
    else:
        console.print(f"Index {number} ({receipt['model']}, {receipt['dimensions']} dimensions) is dropped.")


def _show_version(row: dict[str, Any]) -> None:
    from plumbline.corpus.sources import known_as
    from plumbline.corpus.versions import what_to_do

    state = {"building": "in the making", "in_force": "in force", "retired": "retired"}[row["state"]]
    heading = Text.assemble((f"{row['index_id']}. ", "bold"), (known_as(row["model"]), "bold cyan"))
    console.print(heading + Text(f", {row['dimensions']} dimensions: {state}"))
    way = "graph" if row["graph"] else "exact"
    size = f"{row['bytes'] / _MEGABYTE:,.1f} MB"
    say_below(f"{row['vectors']:,} of {counted(row['chunks'], 'chunk')} · {way} · {size} · {_since(row)}", 3)
    if row["instead_of_model"]:
        named = f"{row['instead_of_model']} ({row['instead_of_dimensions']} dimensions)"
        say_below(f"stands in for {named}, which the connection named when it was swapped in", 3)
    if row["hit_5"] is not None:
        was, now = (f"hit@5 {row[hit]:.3f}, MRR {row[mrr]:.3f}" for hit, mrr in _COMPARED)
        say_below(f"compared on {row['compared_at']:%Y-%m-%d}: {now}; in force then: {was}", 3)
    if row["copied_from"]:
        say_below(f"made of index {row['copied_from']}, to build its graph anew", 3)
    if row["state"] == "building":
        say_below(what_to_do(row), 3, style="yellow")


def _since(row: dict[str, Any]) -> str:
    if row["state"] == "in_force":
        return f"since {row['in_force_at']:%Y-%m-%d %H:%M} UTC"
    if row["state"] == "building":
        return f"begun {row['created_at']:%Y-%m-%d %H:%M} UTC"
    kept = row["kept_until"]
    until = (
        f"kept until {kept:%Y-%m-%d}"
        if kept and kept > datetime.now(UTC)
        else "dropped by the next ingestion that changes something"
    )
    return f"since {row['retired_at']:%Y-%m-%d %H:%M} UTC, {until}"


def _show_plan(planned: dict[str, Any]) -> None:
    console.print(f"by {planned['answered_by']}")
    say_below(f"{planned['missing']:,} of {counted(planned['chunks'], 'chunk')} in need of a vector")
    price = planned["remark"] or f"for ${planned['cost_usd']:.6f}"
    if planned["cost_batch_usd"] is not None:
        price += f"; in batches (--batch), within a day, for ${planned['cost_batch_usd']:.6f}"
    say_below(
        f"{counted(planned['to_buy'], 'embedding')} to buy, {counted(planned['tokens'], 'token')}: {price}"
    )
    if planned["calls"]:
        say_below(f"{counted(planned['calls'], 'request')}, where they are bought one by one")
    show_in_doubt(planned["in_doubt"])
    show_refusing_budgets(planned["refused_by"])
    table, graph = planned["bytes_of_vectors"] / _MEGABYTE, planned["bytes_of_graph"] / _MEGABYTE
    way = f"a graph of {graph:,.1f} MB" if planned["graph"] else "no graph: so few are compared one by one"
    say_below(f"about {table:,.1f} MB of vectors, and {way}")


def show_in_doubt(count: int) -> None:
    """Print how much of what is to be bought waits for a person's decision, if any."""
    if count:
        said = f"{counted(count, 'embedding')} of these nobody buys until calls in doubt are decided"
        say_below(f"! {said}: plumbline calls unknown", style="red")


def show_refusing_budgets(refused_by: list[dict[str, Any]]) -> None:
    """Print which budgets have no room for what is planned, and what would become of a run."""
    for refusal in refused_by:
        say_below(f"! {refusal['says']}", style="red")
    if refused_by:
        say_below("A run would buy until there is no room, keep what it bought, and fail.", style="red")


def _show_comparison(receipt: dict[str, Any]) -> None:
    table = Table("", f"index {receipt['against_id']} (in force)", f"index {receipt['index_id']}", box=None)
    for name, key in (("hit@1", "hit_1"), ("hit@5", "hit_5"), ("MRR", "mrr")):
        table.add_row(name, f"{receipt[f'against_{key}']:.3f}", f"{receipt[key]:.3f}")
    console.print(table)
    left_out = receipt["questions_left_out"]
    rest = f"; {left_out:,} left out, whose documents are not searchable" if left_out else ""
    say_below(
        f"{counted(receipt['questions'], 'question')}{rest}; {receipt['overlap']:.0%} of the results in common"
    )
    say_below(f"{counted(receipt['tokens'], 'token')} billed, for ${float(receipt['cost_usd']):.6f}")
    worse = receipt["worse_questions"]
    better = f"{len(receipt['better'])} better"
    console.print(f"{len(worse)} {things(len(worse), 'question')} answered later than before, {better}.")
    for text in worse[:_WORSE_SHOWN]:
        say_below(text, 3)
    if len(worse) > _WORSE_SHOWN:
        say_below(f"and {len(worse) - _WORSE_SHOWN} more: the same with --json", 3)


def _show_swap(receipt: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(receipt)
        return
    what = f"{receipt['model']}, {receipt['dimensions']} dimensions"
    console.print(f"[bold]Index {receipt['index_id']}[/bold] ({what}) is in force.")
    if receipt["instead_of"]:
        say_below(f"Ingestions go on with it, although the connection names {receipt['instead_of']}.")
    if receipt["retired"]:
        say_below(
            f"Index {receipt['retired']} is kept for {receipt['kept_days']} days: `plumbline index back`."
        )
    if receipt["ingestions_begun_anew"]:
        say_below(
            f"{counted(receipt['ingestions_begun_anew'], 'ingestion')} under way must be started again."
        )
