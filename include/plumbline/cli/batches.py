"""`plumbline batches`: what is being bought through the Batch API, and what became of it."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from plumbline.cli.app import Json, Tenant, app, console, counted, print_json, say_below, working

if TYPE_CHECKING:
    from plumbline.models.batches import BatchRow

batches = typer.Typer(
    invoke_without_command=True,
    help="Batches at the provider: list those under way, show one, cancel it, do what is due, give up what expired.",
)
app.add_typer(batches, name="batches")

Batch = Annotated[
    uuid.UUID, typer.Argument(metavar="BATCH", help="Id of the batch, from `plumbline batches`.")
]


@batches.callback()
def list_(
    context: typer.Context,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also those that have ended.")] = False,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List the batches that are under way."""
    from plumbline.models.batches import list_batches

    if context.invoked_subcommand is not None:
        if tenant is not None or as_json or every:
            raise typer.BadParameter(f"Options come after the word {context.invoked_subcommand}.")
        return
    with working("batches", tenant) as (tools, run):
        found = list_batches(tools.db, run.tenant, every=every)
    if as_json:
        print_json({"tenant": run.tenant, "batches": [dataclasses.asdict(batch) for batch in found]})
    elif not found:
        console.print("No batch is under way." if not every else "There has been no batch.")
    else:
        console.print(_table(found))


@batches.command()
def show(batch: Batch, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """Show one batch: what it holds, where it is, and how its lines ended."""
    from plumbline.models.batches import NoSuchBatch, list_batches

    with working("batches.show", tenant) as (tools, run):
        found = list_batches(tools.db, run.tenant, batch_id=batch)
    if not found:
        raise NoSuchBatch(f"There is no batch {batch}: `plumbline batches --all` lists them.")
    if as_json:
        print_json(dataclasses.asdict(found[0]))
    else:
        _show(found[0])


@batches.command()
def cancel(batch: Batch, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """Ask for the end of a batch; what was answered is kept, and billed."""
    from plumbline.models.batches import Work
    from plumbline.models.batches import cancel as ask_for_its_end

    with working("batches.cancel", tenant) as (tools, run):
        work = Work.of(tools, run.tenant)
        asked, plan = ask_for_its_end(work, batch), work.batch(batch)["plan_id"]
    if as_json:
        print_json({"batch_id": batch, "asked": asked})
    elif asked:
        console.print(
            "Whoever waits for it, be it the next run in batches, ends it; what was answered is kept."
        )
        console.print(f"Where nobody does: plumbline batches advance {plan}")
    else:
        console.print("It has ended already.")


@batches.command()
def lost(batch: Batch, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """Say that a batch was deleted at the provider, which does not find it: its lines are yours to decide then."""
    from plumbline.models.batches import Work, say_lost

    with working("batches.lost", tenant) as (tools, run):
        said = say_lost(Work.of(tools, run.tenant), batch)
    if as_json:
        print_json({"batch_id": batch, "said": said})
    elif said:
        console.print(
            "It is looked for once more, by whoever waits for it or by `plumbline batches advance`. If it is not "
            "found, `plumbline calls unknown` lists its lines."
        )
    else:
        console.print("It is not with the provider.")


@batches.command()
def advance(
    plan: Annotated[
        uuid.UUID | None,
        typer.Argument(
            metavar="[PLAN]", help="Id of the plan, from `plumbline batches show`; all without it."
        ),
    ] = None,
    *,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Do what is due for a plan, or all that are open: submit, look, land, ask again, put right, clean up."""
    from plumbline.core.errors import PlumblineError
    from plumbline.models.batches import Work, plans_under_way, turn

    turns: list[dict[str, object]] = []
    failures: list[PlumblineError] = []
    with working("batches.advance", tenant) as (tools, run):
        work = Work.of(tools, run.tenant)
        for plan_id in plans_under_way(tools.db, run.tenant) if plan is None else [plan]:
            try:
                turns.append({"plan_id": plan_id, **turn(work, [plan_id])})
            except PlumblineError as error:
                # One that cannot go on keeps no other from it.
                failures.append(error)
                turns.append({"plan_id": plan_id, "done": False, "error": str(error)})
    if as_json:
        print_json({"tenant": run.tenant, "plans": turns})
    elif not turns:
        console.print("No plan is under way.")
    else:
        for taken in turns:
            console.print(_turn(taken))
    if failures:
        raise failures[0]


@batches.command("give-up")
def give_up(batch: Batch, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """Give up lines that wait for room in a budget: expired, or with answers that do not fit."""
    from plumbline.models.batches import Work
    from plumbline.models.batches import give_up as give_up_lines

    with working("batches.give_up", tenant) as (tools, run):
        lines = give_up_lines(Work.of(tools, run.tenant), batch)
    if as_json:
        print_json({"batch_id": batch, "lines": lines})
    elif lines:
        console.print(f"{counted(lines, 'line')} given up; whoever needs what expired may buy it anew.")
    else:
        console.print("None of its lines waits to be asked for again.")


def _turn(taken: Mapping[str, Any]) -> str:
    """Return in a sentence what became of a plan."""
    if "error" in taken:
        return f"Plan {taken['plan_id']} cannot go on now: {taken['error']}"
    lines = ", ".join(f"{count:,} {state}" for state, count in taken["lines"].items()) or "no lines"
    so_far = f"{lines}, ${taken['batch_cost_usd']}"
    if taken["done"]:
        return f"Plan {taken['plan_id']} is done: {so_far}."
    return f"Plan {taken['plan_id']} is under way: {so_far}; look again in {taken['wait']:,.0f} s."


def _table(found: list[BatchRow]) -> Table:
    table = Table("batch", "part", "use", "lines", "state", "provider", "cost", "waiting since", box=None)
    for batch in found:
        part = str(batch.part) if batch.attempt == 1 else f"{batch.part} (attempt {batch.attempt})"
        table.add_row(
            str(batch.batch_id),
            part,
            batch.use,
            f"{batch.lines:,}",
            batch.state,
            batch.provider_state or "",
            _cost(batch),
            f"{batch.since:%Y-%m-%d %H:%M}",
        )
    return table


def _show(batch: BatchRow) -> None:
    console.print(f"[bold]{batch.batch_id}[/bold]: {batch.state}")
    say_below(f"{batch.use} by {batch.model}: {counted(batch.lines, 'line')}, {_cost(batch)}")
    say_below(f"part {batch.part}, attempt {batch.attempt}, of plan {batch.plan_id}")
    if batch.parent:
        why = "asks for what expired in" if batch.attempt > 1 else "puts right answers that did not fit, of"
        say_below(f"{why} {batch.parent}")
    if batch.provider_batch_id:
        say_below(f"at the provider {batch.provider_batch_id}: {batch.provider_state or 'not looked at yet'}")
    if batch.not_before and batch.state == "planned":
        say_below(f"the provider had no room; tried again after {batch.not_before:%Y-%m-%d %H:%M} UTC")
    if batch.settled is not None:
        ends = {
            "settled": batch.settled,
            "refused": batch.refused,
            "failed": batch.failed,
            "expired": batch.expired,
            "unknown": batch.unknown,
            "strange lines": batch.strange,
            "doubled lines": batch.doubled,
        }
        say_below(", ".join(f"{count:,} {end}" for end, count in ends.items() if count))
    if batch.waiting:
        waiting = counted(batch.waiting, "line")
        say_below(f"{waiting} to be asked for again, or put right: no budget had room for it yet")
        say_below(f"to give up what waits: plumbline batches give-up {batch.batch_id}")
    if batch.unknown:
        say_below(
            "`plumbline calls unknown` lists the calls of which nothing was heard, if none has decided them;"
        )
        say_below(f"plumbline calls release --batch {batch.batch_id} decides all of them")
    if batch.cancel_asked_at:
        say_below(f"its end was asked for at {batch.cancel_asked_at:%Y-%m-%d %H:%M} UTC")
    if batch.error:
        say_below(batch.error)


def _cost(batch: BatchRow) -> str:
    return f"at most ${batch.cost_planned_usd:.6f}" if batch.cost_usd is None else f"${batch.cost_usd:.6f}"
