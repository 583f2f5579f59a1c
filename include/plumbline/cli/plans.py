"""`plumbline plan`: what a run would do and cost, and which budgets would refuse it."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text

from plumbline.cli import indexes
from plumbline.cli.app import Json, Tenant, app, console, print_json, things, working
from plumbline.cli.corpus import AnyFolder, SourceName, require_one, show_numbered, show_refusals

plans = typer.Typer(
    invoke_without_command=True, help="What a run would do and cost, with no paid call (docs/budgets.md)."
)
app.add_typer(plans, name="plan")


@plans.callback()
def list_(context: typer.Context) -> None:
    """Say what a run would do and cost, and which budgets would refuse it.  Without a word: what can be planned."""
    if context.invoked_subcommand is not None:
        return
    console.print("What can be planned; nothing is written, and no paid call is made:")
    for command in plans.registered_commands:
        assert command.callback is not None  # noqa: S101 - each is registered with a function
        told = str(command.callback.__doc__).strip().partition(".")[0]
        console.print(
            Text.assemble((f"  plumbline plan {command.name}", "bold"), f"  {told}."), soft_wrap=True
        )


@plans.command("ingest")
def plan_ingest(
    path: AnyFolder = None, *, source: SourceName = None, tenant: Tenant = None, as_json: Json = False
) -> None:
    """
    Say what an ingestion would read, buy and cost.  Nothing is written, no paid call is made.

    Of a source that is no folder, it counts what was there when it was last looked at.
    """
    from plumbline.corpus.planning import plan_ingestion

    require_one(path, source)
    with working("plan", tenant) as (tools, run):
        plan: dict[str, Any] = plan_ingestion(tools, run, folder=path, source=source)
    if as_json:
        print_json(plan)
        return
    show_plan(plan)


plans.command("index")(indexes.plan)


def show_plan(plan: dict[str, Any]) -> None:
    """Print what an ingestion would come to, in the words in which its summary will say it."""
    console.print(Text(str(plan["location"]), style="bold"), soft_wrap=True)
    console.print("A plan: nothing was written, and nothing was paid.")
    found = f"found: {plan['to_store']:,} to store, {plan['unchanged']:,} unchanged, "
    found += f"{plan['refused']:,} refused, {plan['to_remove']:,} to remove"
    rebuilt = f"{things(plan['chunks_to_rebuild'], 'chunk')}, of all sources, in need of new vectors: "
    rebuilt += "another model answers than that of the index in force"
    rows = [
        (plan["found"], found),
        (plan["chunks"], f"{things(plan['chunks'], 'chunk')} in what is to be stored"),
        (plan["chunks_to_rebuild"], rebuilt),
        (plan["to_buy"], f"{things(plan['to_buy'], 'embedding')} to buy from {plan['answered_by']}"),
        (plan["calls"], things(plan["calls"], "request")),
        (plan["tokens"], f"{things(plan['tokens'], 'token')}, for {prices(plan)}"),
    ]
    show_numbered([row for row in rows if row != (0, rebuilt)])
    indexes.show_in_doubt(plan["in_doubt"])
    indexes.show_refusing_budgets(plan["refused_by"])
    show_refusals(plan["refusals"], plan["refused"], listed_by="the same with --json")


def prices(plan: dict[str, Any]) -> str:
    """Return the price one by one, and in batches where there is one.  Pure."""
    one_by_one = f"${plan['cost_usd']:.6f}"
    if plan["cost_batch_usd"] is None or not plan["cost_usd"]:
        return one_by_one
    return f"{one_by_one} one by one; in batches it would be ${plan['cost_batch_usd']:.6f}"
