"""`plumbline privacy`: the company's own customer list, by which names and addresses are found."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated

import typer

from plumbline.cli.app import Json, Tenant, app, console, counted, print_json, say_below, working

privacy = typer.Typer(no_args_is_help=True, help="What personal data becomes before it is sent anywhere.")
names = typer.Typer(help="The customer list: what is in force, by kind; never a value.")
app.add_typer(privacy, name="privacy")
privacy.add_typer(names, name="names")


@names.callback(invoke_without_command=True)
def show(context: typer.Context, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """Say how many names, addresses and other values the customer list in force has."""
    if context.invoked_subcommand is not None:
        return
    from plumbline.privacy.listed import list_in_force

    with working("privacy", tenant) as (tools, run):
        found = list_in_force(tools, run.tenant)
    if as_json:
        print_json(found or {"entries": 0, "kinds": {}})
    elif found is None:
        console.print("There is no customer list: plumbline privacy names load FILE")
    else:
        loaded = f"loaded {found['loaded_at']:%Y-%m-%d %H:%M} UTC by {found['loaded_by']}"
        console.print(f"{counted(found['entries'], 'value')}, {loaded}", markup=False)
        _say_kinds(found["kinds"])


@names.command()
def load(
    file: Annotated[
        Path, typer.Argument(help="CSV in UTF-8, whose first row names the columns kind and value.")
    ],
    *,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Put a customer list into force in the place of the one before; one bad row, and nothing changes."""
    from plumbline.privacy.listed import load_list

    with working("privacy", tenant) as (tools, run):
        kinds = load_list(tools, run.tenant, file, loaded_by=getpass.getuser())
    if as_json:
        print_json({"entries": sum(kinds.values()), "kinds": kinds})
        return
    console.print(f"{counted(sum(kinds.values()), 'value')} in force for what is sent from now on.")
    _say_kinds(kinds)


def _say_kinds(kinds: dict[str, int]) -> None:
    for kind, entries in kinds.items():
        say_below(f"{kind}: {entries:,}")
