"""`plumbline calls`: what may have been billed without an answer, and which provider is left alone because it fails."""

from __future__ import annotations

import dataclasses
import getpass
import uuid
from collections import Counter
from typing import Annotated, Any

import typer
from rich.markup import escape

from plumbline.cli.app import Json, Tenant, app, console, counted, print_json, say_below, working

calls = typer.Typer(
    no_args_is_help=True, help="Calls to a model that need a person's decision, or are not sent."
)
app.add_typer(calls, name="calls")


@calls.command()
def unknown(*, tenant: Tenant = None, as_json: Json = False) -> None:
    """List calls that were sent and never answered: they may have been billed, so nothing repeats them by itself."""
    from plumbline.models import list_unknown

    with working("calls", tenant) as (tools, run):
        found = list_unknown(tools, tenant=run.tenant)
    if as_json:
        print_json({"unknown": [dataclasses.asdict(call) for call in found]})
        return
    if not found:
        console.print("No call is in doubt.")
        return
    for call in found:
        console.print(f"[bold]{call.call_id}[/bold]  since {call.at:%Y-%m-%d %H:%M} UTC")
        inputs, tokens = counted(call.inputs, "input"), counted(call.tokens, "token")
        said = f"{call.use} by {call.model}: {inputs}, {tokens}, at most ${call.cost_usd:.6f}"
        say_below(said)
    console.print(
        "Let the provider's records decide: plumbline calls reconcile. Or look them up yourself, then: plumbline calls "
        "release CALL --billed (or --not-billed)"
    )
    for batch, lines in Counter(call.batch_id for call in found if call.batch_id).items():
        say_below(f"{counted(lines, 'line')} of a batch together: --batch {batch} instead of CALL")


@calls.command()
def release(
    call: Annotated[
        uuid.UUID | None, typer.Argument(help="Id of the call, from `plumbline calls unknown`.")
    ] = None,
    *,
    batch: Annotated[
        uuid.UUID | None,
        typer.Option(metavar="BATCH", help="Instead of a call: all lines of this batch that are in doubt."),
    ] = None,
    billed: Annotated[bool, typer.Option("--billed/--not-billed", help="What the provider's records say.")],
    tenant: Tenant = None,
) -> None:
    """Decide a call in doubt, or all of a batch, by the provider's records; the inputs may then be bought anew."""
    from plumbline.review import release_call, release_lines

    if (call is None) == (batch is None):
        raise typer.BadParameter("Name either a call or, with --batch, a batch.")
    with working("calls", tenant) as (tools, run):
        if batch is not None:
            lines, booked = release_lines(tools, run, batch, billed, getpass.getuser())
        else:
            lines, booked = 1, release_call(tools, run, str(call), billed, getpass.getuser())
    what = "Booked" if batch is None else f"{counted(lines, 'line')} booked"
    console.print(f"{what} at ${booked:.6f}; {'its' if lines == 1 else 'their'} inputs may be bought anew.")


@calls.command()
def reconcile(*, tenant: Tenant = None, as_json: Json = False) -> None:
    """Release the calls in doubt that the provider's records decide (connection plumbline_openai_admin)."""
    from plumbline.models import list_unknown
    from plumbline.review import reconcile_calls

    with working("calls", tenant) as (tools, run):
        admin = tools.settings.connection("plumbline_openai_admin")
        receipt: dict[str, Any] = reconcile_calls(tools, run, admin=admin)
        lines = sum(call.batch_id is not None for call in list_unknown(tools, tenant=run.tenant))
    if as_json:
        print_json({**receipt, "lines_of_batches": lines})
        return
    if not receipt["calls"]:
        console.print("No call that was made one by one is in doubt at that provider.")
    for call in receipt["calls"]:
        console.print(f"[bold]{call['call_id']}[/bold]  {_OUTCOMES[call['outcome']]}")
        say_below(call["says"])
    if lines:
        verb = "is" if lines == 1 else "are"
        them = "it" if lines == 1 else "them"
        console.print(f"{counted(lines, 'line')} of batches {verb} in doubt: a person decides {them}.")
    if receipt["left"] or lines:
        console.print("Decide what is left: plumbline review")


_OUTCOMES = {
    "billed": "was billed, and is released",
    "not_billed": "was not billed, and is released",
    "left": "is left to a person",
    "ended": "has ended in the meantime",
}


@calls.command()
def breaker(
    *,
    reset: Annotated[
        bool,
        typer.Option("--reset", help="Send calls again at once: to MODEL, or to every model that fails."),
    ] = False,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Only this model.")] = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Show which models fail, and since when nothing is sent to them; all workers and tenants share this."""
    from plumbline.models import list_failing, reset_breakers

    with working("calls", tenant) as (tools, _):
        again = reset_breakers(tools, model) if reset else []
        found = [one for one in list_failing(tools.db) if model in (None, one.model)]
    if as_json:
        print_json({"failing": [dataclasses.asdict(one) for one in found], "reset": again})
        return
    for endpoint, name in again:
        console.print(f"Calls to {name} at {endpoint} are sent again.", markup=False)
    for one in found:
        console.print(f"[bold]{escape(one.model)}[/bold] at {escape(one.endpoint)}")
        say_below(one.sentence)
    if not found and not again:
        console.print("No model fails.")
    if any(one.opened_at for one in found):
        console.print("When it works again: plumbline calls breaker --reset (else it is tried by itself)")
