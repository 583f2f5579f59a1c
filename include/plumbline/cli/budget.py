"""`plumbline budget` and `plumbline prices`: what may be spent, what is, and what a token costs."""

from __future__ import annotations

import dataclasses
import getpass
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from plumbline.cli.app import Json, Tenant, app, console, print_json, say_below, working

if TYPE_CHECKING:
    from plumbline.models.budgets import Standing
    from plumbline.models.leases import Period

budget = typer.Typer(
    invoke_without_command=True, help="Budgets: how they stand; set and remove them (docs/budgets.md)."
)
app.add_typer(budget, name="budget")

_STYLES = {"free": "", "near": "yellow", "refused": "red", "full": "bold red", "over": "bold red"}

Scope = Annotated[str, typer.Argument(metavar="SCOPE", help="everything, or one project, team, use or user.")]
Name = Annotated[
    str | None, typer.Argument(metavar="NAME", help="Its name; of a user, the pseudonym.", show_default=False)
]


@budget.callback()
def list_(context: typer.Context, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """Say what is spent, reserved and left of each budget, and what will be spent when its day or month ends."""
    from plumbline.models.budgets import list_budgets

    if context.invoked_subcommand is not None:
        if tenant is not None or as_json:
            raise typer.BadParameter(f"Options come after the word {context.invoked_subcommand}.")
        return
    with working("budget", tenant) as (tools, run):
        found = list_budgets(tools, run.tenant)
    if as_json:
        print_json({"tenant": run.tenant, "budgets": [_plain(each) for each in found]})
    elif found:
        _show_budgets(found)
    else:
        console.print("There is no budget: nothing but the account at the provider limits what is spent.")
        console.print("Set one: plumbline budget set everything --month 100")


@budget.command("set")
def set_(
    scope: Scope,
    name: Name = None,
    *,
    day: Annotated[
        str | None, typer.Option(metavar="USD", help="The most that a day (UTC) may cost.")
    ] = None,
    month: Annotated[
        str | None, typer.Option(metavar="USD", help="The most that a month (UTC) may cost.")
    ] = None,
    tell_at: Annotated[
        str, typer.Option(metavar="LIST", help="Thresholds at which people are told, in per cent of the cap.")
    ] = "50,80,100",
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Put a budget into force, in place of the one there was.  What the day or month has cost so far counts."""
    from plumbline.models.budgets import list_budgets, set_budgets, subject

    whose = subject(scope, name)
    amounts: dict[Period, str | None] = {"day": day, "month": month}
    caps = {period: _amount(said) for period, said in amounts.items() if said is not None}
    thresholds = [_amount(part) / 100 for part in tell_at.split(",")]
    with working("budget.set", tenant) as (tools, run):
        set_budgets(tools, run.tenant, whose, caps, by=getpass.getuser(), thresholds=thresholds)
        found = [
            each
            for each in list_budgets(tools, run.tenant)
            if (each.scope, each.name) == (whose.scope, whose.name) and each.period in caps
        ]
    if as_json:
        print_json({"tenant": run.tenant, "budgets": [_plain(each) for each in found]})
        return
    for each in found:
        console.print(
            f"[bold]{each.period}[/bold] of {whose}: ${_money(each.cap_usd)}, of which "
            f"${_money(each.spent_usd)} are spent",
            soft_wrap=True,
        )
        if each.over_usd:
            say_below(
                "That is over the cap: nothing more is bought until the budget begins anew.", style="red"
            )


@budget.command()
def remove(
    scope: Scope,
    name: Name = None,
    *,
    day: Annotated[bool, typer.Option("--day", help="The budget of the day.")] = False,
    month: Annotated[bool, typer.Option("--month", help="The budget of the month.")] = False,
    tenant: Tenant = None,
) -> None:
    """Take a budget out of force; what it was, and what was spent, stays in the book."""
    from plumbline.models.budgets import NotABudget, remove_budgets, subject

    whose = subject(scope, name)
    chosen: dict[Period, bool] = {"day": day, "month": month}
    periods = [period for period, meant in chosen.items() if meant]
    if not periods:
        raise NotABudget("Say which budget: --day, --month, or both.")
    with working("budget.remove", tenant) as (tools, run):
        remove_budgets(tools, run.tenant, whose, periods, by=getpass.getuser())
    console.print(f"Nothing limits {whose} by the {' or the '.join(periods)} any more.", soft_wrap=True)


@app.command()
def prices(*, as_json: Json = False) -> None:
    """List what a million tokens of each model cost today, and the prices to come."""
    from plumbline.models.prices import all_prices

    with working("prices", None) as (tools, _run):
        found = all_prices(tools.db)
    if as_json:
        print_json({"prices": found})
        return
    _show_prices(found)
    console.print(
        "USD for a million tokens. Your own rows go into include/prices.csv, then: plumbline migrate"
    )


def _show_budgets(found: Sequence[Standing]) -> None:
    columns = ("cap", "spent", "reserved", "left", "forecast")
    table = Table(
        Column("budget", overflow="fold"),
        "per",
        *(Column(name, justify="right") for name in columns),
        "state",
    )
    table.box, table.header_style = None, "bold"
    for each in found:
        amounts = (each.cap_usd, each.spent_usd, each.reserved_usd, each.left_usd, each.forecast_usd)
        told = f", {each.reached * 100:.0f} % reached" if each.reached and each.state != "over" else ""
        over = f" by ${_money(each.over_usd)}" if each.over_usd else ""
        will = "yellow" if each.forecast_usd > each.cap_usd else ""
        shown = [Text(f"${_money(amount)}") for amount in amounts]
        shown[-1].stylize(will)
        state = Text(f"{each.state}{over}{told}", style=_STYLES[each.state])
        table.add_row(Text(f"{each.scope} {each.name}".rstrip()), each.period, *shown, state)
    console.print(table)


def _show_prices(found: Sequence[dict[str, Any]]) -> None:
    kinds = ("input", "cached_input", "output")
    right = (Column(kind.replace("_", " "), justify="right") for kind in kinds)
    table = Table("model", "service", *right, "since", box=None, header_style="bold")
    rows: dict[tuple[object, ...], dict[str, Decimal]] = {}
    for row in found:
        rows.setdefault((row["model"], row["service"], row["valid_from"]), {})[row["kind"]] = row[
            "usd_per_million"
        ]
    for (model, service, since), known in rows.items():
        shown = (_money(known[kind]) if kind in known else "-" for kind in kinds)
        table.add_row(str(model), str(service), *shown, str(since))
    console.print(table)


def _plain(each: Standing) -> dict[str, Any]:
    """Amounts as decimal fractions in text, as elsewhere: none is rounded, and none is written as 0E-9."""
    fields = dataclasses.asdict(each) | {"thresholds": [float(part) for part in each.thresholds]}
    return {key: f"{value:f}" if isinstance(value, Decimal) else value for key, value in fields.items()}


def _money(amount: Decimal) -> str:
    from plumbline.models.errors import usd

    # A budget of a hundred is read at a glance, and the cost of one search is not 0.00.
    places = 2 if amount >= 1 else 6
    return usd(round(amount, places))


def _amount(said: str) -> Decimal:
    """
    Read an amount as a person types it: 100, 5.50, $20.

    Raises:
        NotABudget: It is no number.
    """
    from plumbline.models.budgets import NotABudget

    try:
        return Decimal(said.strip().removeprefix("$").removesuffix("%").replace("_", ""))
    except InvalidOperation:
        raise NotABudget(f"{said!r} is not a number, such as 100 or 5.50.") from None
