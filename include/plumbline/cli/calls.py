"""`plumbline calls`: what was asked of a model and may have been billed without an answer."""

from __future__ import annotations

import dataclasses
import getpass
import uuid
from typing import Annotated

import typer

from plumbline.cli.app import Json, Tenant, app, console, counted, print_json, say_below, working

calls = typer.Typer(no_args_is_help=True, help="Calls to a model that need a person's decision.")
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
        "Look them up at the provider, then: plumbline calls release CALL --billed (or --not-billed)"
    )


@calls.command()
def release(
    call: Annotated[uuid.UUID, typer.Argument(help="Id of the call, from `plumbline calls unknown`.")],
    *,
    billed: Annotated[bool, typer.Option("--billed/--not-billed", help="What the provider's records say.")],
    tenant: Tenant = None,
) -> None:
    """Decide a call in doubt by the provider's records; its inputs may then be bought anew."""
    from plumbline.review import release_call

    with working("calls", tenant) as (tools, run):
        booked = release_call(tools, call, billed, getpass.getuser(), tenant=run.tenant)
    console.print(f"Booked at ${booked:.6f}; its inputs may be bought anew.")
