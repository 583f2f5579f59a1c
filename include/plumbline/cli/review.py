"""`plumbline review`: what waits for a person, what is due first, and what was decided."""

from __future__ import annotations

import dataclasses
import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from plumbline.cli.app import Json, Tenant, app, console, counted, print_json, say_below, working

if TYPE_CHECKING:
    from plumbline.core.db import Session
    from plumbline.review import Item

review = typer.Typer(
    invoke_without_command=True,
    no_args_is_help=False,
    help="The human queue: what waits for a person, what is due first, what was decided.",
)
app.add_typer(review, name="review")

ItemId = Annotated[str, typer.Argument(metavar="ID", help="Id of the item, or its beginning.")]
By = Annotated[str | None, typer.Option(metavar="NAME", help="Who does it (default: who is signed in here).")]
Note = Annotated[str | None, typer.Option(metavar="TEXT", help="Why; no names of customers.")]

_HOUR = timedelta(hours=1)


@review.callback()
def list_(
    context: typer.Context,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also what was decided or withdrawn.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most so many.")] = 100,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """List what waits for a person; what is due first, or overdue, stands on top."""
    if context.invoked_subcommand is not None:
        if everything or as_json or tenant is not None:
            raise typer.BadParameter(f"Options come after the word {context.invoked_subcommand}.")
        return
    from plumbline import review as queue
    from plumbline.core.clock import now

    with working("review", tenant) as (tools, run):
        # A call that was cut off a minute ago is in the book, and nobody has asked about it yet.
        queue.ask_about_unknown_calls(tools, run)
        with tools.db.transaction(run.tenant) as session:
            found = (queue.list_all if everything else queue.list_open)(session, limit + 1)
    shown, complete = found[:limit], len(found) <= limit
    at = now()
    if as_json:
        print_json({"tenant": run.tenant, "items": [_told(item, at) for item in shown], "complete": complete})
        return
    if not shown:
        console.print("Nothing was ever asked." if everything else "Nothing waits for a person.")
        return
    console.print(_table(shown, at))
    _say_next(shown, at, complete=complete)


@review.command()
def show(item_id: ItemId, *, tenant: Tenant = None, as_json: Json = False) -> None:
    """Show one item: what is asked, what can be decided, and what happened to it."""
    from plumbline import review as queue
    from plumbline.core.clock import now

    with _opened(tenant) as (session, _):
        item = queue.find(session, item_id)
        events, remarks = queue.history(session, item.item_id)
    if as_json:
        print_json({**_told(item, now()), "events": events, "remarks": remarks})
        return
    _show(item, now())
    for remark in remarks:
        say_below(f"{remark['at']:%Y-%m-%d %H:%M} UTC  {remark['who']}: {remark['words']}")
    for event in events:
        change = " → ".join(word for word in (event["was"], event["became"]) if word)
        moment = f"{event['at']:%Y-%m-%d %H:%M} UTC"
        say_below(f"{moment}  {event['what']} by {event['who']}: {change}", style="dim")


@review.command()
def take(item_id: ItemId, *, by: By = None, tenant: Tenant = None, as_json: Json = False) -> None:
    """Say that you are at an item, so that nobody else begins with it."""
    from plumbline import review as queue

    _change(
        item_id,
        by,
        tenant,
        lambda session, item, who: queue.take(session, item.item_id, who),
        as_json=as_json,
    )


@review.command()
def assign(
    item_id: ItemId,
    person: Annotated[str, typer.Argument(metavar="PERSON", help="Account name of a colleague.")],
    *,
    by: By = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Give an item to a colleague, whoever was at it."""
    from plumbline import review as queue

    def give(session: Session, item: Item, who: str) -> None:
        queue.assign(session, item.item_id, person, who)

    _change(item_id, by, tenant, give, as_json=as_json)


@review.command()
def decide(
    item_id: ItemId,
    decision: Annotated[
        str, typer.Argument(metavar="DECISION", help="One that `plumbline review show` names.")
    ],
    *,
    note: Note = None,
    by: By = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Decide; what the decision does is done at once, and it is final."""
    from plumbline import review as queue

    def write(session: Session, item: Item, who: str) -> str | None:
        return queue.decide(session, item.item_id, decision, who, note)

    _change(item_id, by, tenant, write, as_json=as_json)


@review.command()
def withdraw(
    item_id: ItemId, *, note: Note = None, by: By = None, tenant: Tenant = None, as_json: Json = False
) -> None:
    """End an item that needs no decision any more."""
    from plumbline import review as queue

    def end(session: Session, item: Item, who: str) -> None:
        queue.withdraw(session, item.item_id, who, note)

    _change(item_id, by, tenant, end, as_json=as_json)


@review.command()
def note(
    item_id: ItemId,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the next who looks should know.")],
    *,
    by: By = None,
    tenant: Tenant = None,
    as_json: Json = False,
) -> None:
    """Write something about an item, also after it was decided."""
    from plumbline import review as queue

    def write(session: Session, item: Item, who: str) -> None:
        queue.remark(session, item.item_id, text, who)

    _change(item_id, by, tenant, write, as_json=as_json)


@contextmanager
def _opened(tenant: str | None) -> Iterator[tuple[Session, str]]:
    """Give one transaction of the tenant, and who is signed in here."""
    with working("review", tenant) as (tools, run), tools.db.transaction(run.tenant) as session:
        yield session, getpass.getuser()


def _change(
    item_id: str,
    by: str | None,
    tenant: str | None,
    work: Callable[[Session, Item, str], Any],
    *,
    as_json: bool,
) -> None:
    """Do one thing to one item, in one transaction, and say how it stands then."""
    from plumbline import review as queue
    from plumbline.core.clock import now

    with _opened(tenant) as (session, user):
        item = queue.find(session, item_id)
        done = work(session, item, user if by is None else by)
        after = queue.find(session, str(item.item_id))
    said = done if isinstance(done, str) else None
    if as_json:
        print_json({**_told(after, now()), "done": said})
        return
    console.print(Text(f"{after.short} {_stands(after)}."))
    if said:
        console.print(Text(said))


def _show(item: Item, at: datetime) -> None:
    from plumbline.review.rules import kinds

    rule = kinds().get(item.kind)
    console.print(Text(f"{item.short}  {item.summary}", style="bold"))
    reason = rule.reasons.get(item.reason, item.reason) if rule else item.reason
    say_below(f"{rule.says if rule else item.kind}: {reason}")
    due = f"due {_due_words(item, at)}; " if item.waits else ""
    say_below(f"asked {item.created_at:%Y-%m-%d %H:%M} UTC; {due}{_stands(item)}")
    for name, value in item.context.items():
        say_below(f"{name}: {value}", 4)
    if item.note:
        say_below(f"note: {item.note}")
    if item.waits:
        for decision in item.decisions:
            meaning = rule.decisions.get(decision, "") if rule else ""
            say_below(f"plumbline review decide {item.short} {decision}   ({meaning})")


def _table(items: list[Item], at: datetime) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "due", "kind", "reason", "summary", "who"):
        table.add_column(heading, no_wrap=heading == "id")
    for item in items:
        due = Text(_due_words(item, at), style="bold red" if item.overdue(at) else "")
        table.add_row(
            Text(item.short, style="bold"), due, item.kind, item.reason, Text(item.summary), _who(item)
        )
    return table


def _say_next(items: list[Item], at: datetime, *, complete: bool) -> None:
    waiting = [item for item in items if item.waits]
    late = sum(item.overdue(at) for item in waiting)
    more = "" if complete else ", and more: --limit shows them"
    console.print(Text(f"{counted(len(waiting), 'question')} waiting, {late:,} overdue{more}.", style="dim"))
    if waiting:
        console.print(f"Look at the first: plumbline review show {waiting[0].short}")


def _due_words(item: Item, at: datetime) -> str:
    """When an item is due, in words; how it ended for one that does not wait.  Pure."""
    if not item.waits:
        return item.state
    left = item.due_at - at
    return f"in {_span(left)}" if left > timedelta(0) else f"OVERDUE {_span(-left)}"


def _span(time: timedelta) -> str:
    """A time to two digits or so: 40 min, 7 h, 3 d.  Pure."""
    if time < _HOUR:
        return f"{time // timedelta(minutes=1)} min"
    if time < 48 * _HOUR:
        return f"{time // _HOUR} h"
    return f"{time.days} d"


def _who(item: Item) -> Text:
    if item.decided_by:
        return Text(f"{item.decided_by}: {item.decision or 'withdrawn'}")
    return (
        Text(item.assigned_to)
        if item.assigned_to
        else Text(f"for {item.addressed_to or 'anyone'}", style="dim")
    )


def _stands(item: Item) -> str:
    if item.decided_by:
        how = f"decided as {item.decision}" if item.decision else "withdrawn"
        return f"{how} by {item.decided_by} at {item.decided_at:%Y-%m-%d %H:%M} UTC"
    return (
        f"assigned to {item.assigned_to}"
        if item.assigned_to
        else f"open, for {item.addressed_to or 'anyone'}"
    )


def _told(item: Item, at: datetime) -> dict[str, Any]:
    return {**dataclasses.asdict(item), "overdue": item.overdue(at)}
