"""A budget is a wall: whoever buys, however many at once, whoever dies over it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import psycopg
import pytest
from tests.sql.models.conftest import release

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.localmodel.testing import RunningServer
from plumbline.models import BudgetExhausted, Door, Endpoint, budgets, list_unknown, reserving
from plumbline.models.budgets import NotABudget, Standing, list_budgets, remove_budgets, set_budgets, subject
from plumbline.models.calls import About, Billed, Call
from plumbline.models.embeddings import Embedding
from plumbline.models.errors import InputRefused
from plumbline.models.identity import Keys
from plumbline.models.leases import forecast
from plumbline.models.ledger import Ledger
from plumbline.models.policy import Happened, History, Outcome
from plumbline.models.prices import PriceList
from plumbline.models.requests import Input
from plumbline.models.sessions import HeldSession
from plumbline.models.unfinished import release_within
from plumbline.models.wire import Embeddings
from plumbline.provenance.checks import perform

if TYPE_CHECKING:
    from conftest import Book

EVERYTHING = subject("everything", None)
PRICES = PriceList("local-wordllama", "standard", datetime.now(UTC).date(), Decimal(1_000_000))
"""A dollar a token: caps and costs are read at a glance."""


ANOTHER_IN_FORCE = """
    insert into ledger.budget (tenant, scope, name, period, cap_usd, set_by)
    values ('main', 'everything', '', 'month', 1, 'me')
"""


class Caller(HeldSession):
    """A buying process: it claims calls that may cost so many dollars, and settles them when it is told to."""

    def __init__(self, tools: Tools, endpoint: Endpoint, **of_run: Any) -> None:
        super().__init__(tools.db, "main")
        self.run = Run(tenant="main", job="caller", **of_run)
        self.endpoint = endpoint
        self.ledger = Ledger(self, self.run, endpoint, Embedding(endpoint, "main", self), "internal")

    def claim(
        self, text: str, dollars: int = 1, use: str = "embed_chunk", *, user: str | None = None
    ) -> Call:
        """Write down a call and what it reserves."""
        keys = Keys("main", use, self.endpoint.model, {})
        claim = self.ledger.claim(use, [Input(keys.of(text), text, dollars)], PRICES, About(user=user))
        assert claim.call is not None
        return claim.call

    def settle(self, call: Call, dollars: int | None = None) -> None:
        """Keep an answer that was billed at so many dollars; as many as were reserved by default."""
        vectors = np.ones((1, self.endpoint.dimensions), np.float16)
        billed = call.tokens_planned if dollars is None else dollars
        bought = Embeddings(vectors, Billed(billed), self.endpoint.model)
        self.ledger.settle(call, bought, Outcome(Happened.ANSWERED, status=200), History())

    def buy(self, text: str, dollars: int = 1, use: str = "embed_chunk") -> None:
        """Claim and settle."""
        self.settle(self.claim(text, dollars, use))

    def leave(self) -> None:
        """End as a stream does."""
        self.ledger.give_back()
        self.close()


@pytest.fixture
def caller(tools: Tools, book: Book, provider: Callable[..., Endpoint]) -> Iterator[Callable[..., Caller]]:
    """Return a maker of buying processes; those that are left at the end die."""
    made: list[Caller] = []

    def make(**of_run: Any) -> Caller:
        made.append(Caller(tools, provider(), **of_run))
        return made[-1]

    yield make
    for each in made:
        each.close()


def limit(tools: Tools, *, scope: str = "everything", name: str | None = None, **caps: int) -> None:
    """Set budgets of so many dollars."""
    set_budgets(
        tools,
        "main",
        subject(scope, name),
        {period: Decimal(cap) for period, cap in caps.items()},  # type: ignore[misc]
        by="the tests",
    )


def standing(tools: Tools, period: str = "month", scope: str = "everything") -> Standing:
    """Return how the only budget of a scope stands."""
    [found] = [each for each in list_budgets(tools, "main") if (each.period, each.scope) == (period, scope)]
    return found


def amounts(found: Standing) -> tuple[int, int, int, int]:
    """Return spent, reserved, left and over, in dollars."""
    return (int(found.spent_usd), int(found.reserved_usd), int(found.left_usd), int(found.over_usd))


def broken(tools: Tools) -> list[str]:
    """Return the rules of the book that are broken, those of embeddings' prices aside: these cost a dollar a token."""
    with tools.db.transaction("main") as session:
        return [result.check for result in perform(session, "ledger", {}) if not result.passed]


def test_what_is_under_way_is_reserved_and_what_has_ended_is_spent(
    tools: Tools, caller: Callable[..., Caller]
) -> None:
    """The worst case goes in before the call, the truth after it, the rest back."""
    limit(tools, month=1000)
    one = caller()
    call = one.claim("boats", 100)
    assert standing(tools).open_usd == 100

    one.settle(call, 30)
    one.leave()

    assert amounts(standing(tools)) == (30, 0, 970, 0)
    assert broken(tools) == []


def test_a_call_for_which_there_is_no_room_is_refused_before_it_is_written(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """The sentence says which budget, how it stands, what was needed, and when it begins anew."""
    limit(tools, scope="use", name="embed_chunk", month=100)
    one = caller()
    one.buy("boats", 70)

    with pytest.raises(BudgetExhausted) as refused:
        one.claim("harbours", 31)

    assert (refused.value.budget, refused.value.cap, refused.value.spent) == ("use embed_chunk", 100, 70)
    assert (refused.value.reserved, refused.value.needed) == (0, 31)
    assert refused.value.ends_at == standing(tools, scope="use").ends_at
    assert "of 100.00 USD, 70.00 are spent and 0.00 reserved, and the call may cost 31.00" in str(
        refused.value
    )
    assert (book.intents, book.states()) == (0, {"settled": 1})
    one.claim("boats by the sea", 30)


@pytest.mark.parametrize("order", [("month", "day"), ("day", "month")])
def test_where_one_of_two_budgets_is_full_nothing_is_reserved_in_the_other(
    tools: Tools, caller: Callable[..., Caller], order: tuple[str, str]
) -> None:
    """All of them, or none."""
    wide, narrow = order
    limit(tools, **{wide: 1000, narrow: 10})
    one = caller()

    with pytest.raises(BudgetExhausted, match=f"for this {narrow}"):
        one.claim("boats", 11)
    one.leave()

    assert amounts(standing(tools, wide)) == (0, 0, 1000, 0)
    assert amounts(standing(tools, narrow)) == (0, 0, 10, 0)
    assert standing(tools, narrow).refused


def test_each_budget_counts_its_own_calls(tools: Tools, caller: Callable[..., Caller]) -> None:
    """By project, team, use and user; everything counts all."""
    for scope, name in [("project", "shop"), ("team", "north"), ("use", "embed_chunk"), ("user", "u-1")]:
        limit(tools, scope=scope, name=name, month=200)
    limit(tools, month=200)
    for number, of_run in enumerate(
        [{"project": "shop"}, {"team": "north", "user": "u-1"}, {"project": "other", "user": "u-2"}]
    ):
        one = caller(**of_run)
        one.buy(f"boats {number}", 10**number, use="embed_chunk" if number else "search_query")
        one.leave()

    spent = {each.scope: int(each.spent_usd) for each in list_budgets(tools, "main")}

    assert spent == {"everything": 111, "project": 1, "team": 10, "use": 110, "user": 10}
    assert broken(tools) == []


def test_a_budget_by_user_counts_the_calls_that_name_that_user(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """A call that names nobody counts for the user of the run, and one that names somebody does not."""
    for name in ("u-run", "u-1", "u-2"):
        limit(tools, scope="user", name=name, month=200)
    one = caller(user="u-run")

    one.settle(one.claim("boats", 10, user="u-1"))
    one.settle(one.claim("harbours", 20))
    with pytest.raises(BudgetExhausted, match="user u-1"):
        one.claim("the sea", 191, user="u-1")
    one.leave()

    assert {"u-run": 20, "u-1": 10, "u-2": 0} == {
        each.name: int(each.spent_usd) for each in list_budgets(tools, "main")
    }
    assert book.calls("user_ref") == [("u-1",), ("u-run",)]
    assert broken(tools) == []


@pytest.mark.parametrize("cap", [10, 100])
def test_a_cap_that_is_set_anew_leaves_no_process_the_block_of_the_former(
    tools: Tools, caller: Callable[..., Caller], cap: int
) -> None:
    """What was drawn stays reserved, what was spent is booked; the rest is there under the new cap alone."""
    limit(tools, day=6400, month=6400)
    one = caller()
    one.buy("boats", 5)
    under_way = one.claim("harbours", 4)
    assert amounts(standing(tools))[1] > 4

    limit(tools, month=cap)
    assert amounts(standing(tools)) == (5, 4, cap - 9, 0)
    with pytest.raises(BudgetExhausted, match="for this month"):
        one.claim("too much", cap - 8)
    one.buy("the sea", cap - 9)
    one.settle(under_way)
    one.leave()

    assert amounts(standing(tools)) == (cap, 0, 0, 0)
    assert amounts(standing(tools, "day"))[0] == cap
    assert broken(tools) == []


def test_the_last_dollar_is_found_though_others_have_leased_it(
    tools: Tools, caller: Callable[..., Caller]
) -> None:
    """Nobody is refused for what nobody uses: leases of living processes shrink to what their calls need."""
    limit(tools, month=1000)
    idle = [caller() for _ in range(5)]
    for number, each in enumerate(idle):
        each.buy(f"boats {number}")
    assert amounts(standing(tools))[1] > 50
    last = caller()

    last.claim("all the rest", 995)

    assert amounts(standing(tools)) == (5, 995, 0, 0)
    with pytest.raises(BudgetExhausted):
        idle[0].claim("one more")


def test_a_call_that_costs_more_than_its_worst_case_is_booked_and_the_next_is_refused(
    tools: Tools, caller: Callable[..., Caller]
) -> None:
    """What was billed is in the book, whatever the budget says."""
    limit(tools, month=100)
    one = caller()
    call = one.claim("boats", 90)

    one.settle(call, 130)

    assert amounts(standing(tools)) == (130, 0, 0, 30)
    assert standing(tools).state == "over"
    with pytest.raises(BudgetExhausted):
        one.claim("harbours")
    one.leave()
    assert broken(tools) == ["No budget of today or this month is over its cap."]


def test_a_budget_lowered_below_what_is_spent_refuses_and_raised_again_allows(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """The history of budgets is only ever added to."""
    limit(tools, month=100)
    one = caller()
    one.buy("boats", 50)

    limit(tools, month=20)
    assert amounts(standing(tools)) == (50, 0, 0, 30)
    with pytest.raises(BudgetExhausted):
        one.claim("harbours")
    limit(tools, month=60)
    one.buy("harbours", 10)
    one.leave()

    assert amounts(standing(tools)) == (60, 0, 0, 0)
    assert book.rows("select cap_usd::int, valid_until is null from ledger.budget order by budget_id") == [
        (100, False),
        (20, False),
        (60, True),
    ]
    assert broken(tools) == []


def test_a_budget_that_is_set_counts_what_was_spent_and_what_is_under_way(
    tools: Tools, caller: Callable[..., Caller]
) -> None:
    """A budget set in the middle of a month is a budget of the month."""
    one, two = caller(), caller()
    one.buy("before", 10)
    under_way, doubtful = one.claim("under way", 20), two.claim("in doubt", 5)

    limit(tools, month=36)
    assert amounts(standing(tools)) == (10, 25, 1, 0)
    with pytest.raises(BudgetExhausted):
        one.claim("too much", 2)
    one.settle(under_way, 15)
    one.leave()
    two.ledger.leave_open(doubtful, "unknown", "cut off", History())
    two.leave()

    assert amounts(standing(tools)) == (25, 5, 6, 0)
    assert broken(tools) == ["No call waits for a person to decide whether it was billed."]


def test_what_was_spent_while_a_budget_was_removed_counts_when_it_is_set_again(
    tools: Tools, caller: Callable[..., Caller]
) -> None:
    """Removing and setting is no way around a wall."""
    limit(tools, day=100, month=100)
    one = caller()
    one.buy("boats", 10)
    remove_budgets(tools, "main", EVERYTHING, ["month"], by="the tests")
    one.buy("harbours", 15)
    open_call = one.claim("under way", 7)
    limit(tools, month=100)

    assert amounts(standing(tools)) == (25, 7, 68, 0)
    assert amounts(standing(tools, "day"))[0] == 25
    one.settle(open_call)
    one.leave()
    assert amounts(standing(tools)) == amounts(standing(tools, "day")) == (32, 0, 68, 0)
    assert broken(tools) == []


@pytest.mark.parametrize("billed", [True, False])
def test_a_call_in_doubt_stays_reserved_until_somebody_decides(
    tools: Tools, caller: Callable[..., Caller], *, billed: bool
) -> None:
    """It may have been billed, so its money is not there for another."""
    limit(tools, month=100)
    one = caller()
    one.claim("boats", 60)
    one.close()
    with pytest.raises(BudgetExhausted, match=r"60\.00 reserved"):
        caller().claim("harbours", 50)
    [call] = list_unknown(tools)

    release(tools, call.call_id, billed)

    assert amounts(standing(tools)) == ((60, 0, 40, 0) if billed else (0, 0, 100, 0))
    assert broken(tools) == []


def test_what_a_dead_process_had_leased_is_there_for_others(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """Its spending is booked, its lease is gone."""
    limit(tools, month=6400)
    one = caller()
    one.buy("boats", 1)
    one.close()
    assert book.rows("select granted_usd::int, spent_usd::int from ledger.lease") == [(100, 1)]

    two = caller()
    two.buy("harbours", 1)

    assert book.rows("select count(*) from ledger.lease") == [(1,)]
    assert book.rows("select spent_usd::int from ledger.budget_period") == [(1,)]
    two.close()
    assert amounts(standing(tools)) == (2, 0, 6398, 0)
    assert book.rows("select count(*) from ledger.lease") == [(0,)]


def test_a_repeated_call_is_booked_where_it_was_reserved(
    safe: Door, tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """Whoever ends the call of a dead process, it has one reservation."""
    limit(tools, month=6400)
    with safe.embedding("embed_chunk") as stream:
        stream.add("boats", 10)
    book.change("update ledger.call set state = 'sent', cost_usd = null, ended_at = null")
    book.change(
        "insert into ledger.intent (call_id, call_at, tenant, use, endpoint, model, dimensions, keys, tokens, request, "
        "holder, run_id, lease, budget_periods, reserved_usd) select call_id, at, tenant, use, endpoint, model, 256, "
        "array(select key from ledger.answer), '{10}', "
        """'{"model":"local-wordllama","input":["boats"],"encoding_format":"base64"}', 7, run_id, 7, budget_periods, """
        "cost_planned_usd from ledger.call"
    )
    book.change("delete from ledger.answer")
    book.change("update ledger.budget_period set spent_usd = 0, leased_usd = 0.0000002")
    book.change(
        "insert into ledger.lease select period_id, 7, 'main', 0.0000002, 0.0000002 from ledger.budget_period"
    )
    assert broken(tools) == []

    with safe.embedding("embed_chunk"):
        pass

    assert book.states() == {"settled": 1}
    assert book.rows(
        "select spent_usd = (select sum(cost_usd) from ledger.call), leased_usd from ledger.budget_period"
    ) == [(True, 0)]
    assert broken(tools) == []


def test_a_call_over_midnight_counts_for_the_day_it_was_reserved_in(
    tools: Tools, caller: Callable[..., Caller], book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new day begins with all of its money, and the month goes on."""
    limit(tools, day=100, month=300)
    evening, morning = datetime(2031, 5, 30, 23, 59, 59, tzinfo=UTC), datetime(2031, 5, 31, tzinfo=UTC)
    june = datetime(2031, 6, 1, tzinfo=UTC)
    one = caller()
    monkeypatch.setattr(reserving, "now", lambda: evening)
    late = one.claim("late", 90)
    monkeypatch.setattr(reserving, "now", lambda: morning)
    early = one.claim("early", 95)
    one.settle(late, 80)
    one.settle(early, 20)
    monkeypatch.setattr(reserving, "now", lambda: june)
    one.buy("in June", 5)
    one.leave()

    assert book.rows(
        "select period, starts_on::text, spent_usd::int, leased_usd::int from ledger.budget_period "
        "where starts_on > '2031-01-01' order by period, starts_on"
    ) == [
        ("day", "2031-05-30", 80, 0),
        ("day", "2031-05-31", 20, 0),
        ("day", "2031-06-01", 5, 0),
        ("month", "2031-05-01", 100, 0),
        ("month", "2031-06-01", 5, 0),
    ]


def test_a_day_that_begins_with_a_refusal_is_on_record(
    tools: Tools, caller: Callable[..., Caller], book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refused call opened the day, and was undone with it."""
    limit(tools, day=100)
    monkeypatch.setattr(reserving, "now", lambda: datetime(2031, 5, 31, tzinfo=UTC))

    for _ in range(2):
        with pytest.raises(BudgetExhausted):
            caller().claim("boats", 101)

    assert book.rows(
        "select starts_on::text, event from ledger.budget_event join ledger.budget_period using (period_id)"
    ) == [("2031-05-31", "refused")]


def test_each_threshold_is_told_once(
    tools: Tools, caller: Callable[..., Caller], book: Book, caplog: pytest.LogCaptureFixture
) -> None:
    """Half, four fifths, all of it; and that a call was refused."""
    limit(tools, month=100)
    told = "select event, threshold::float, spent_usd::int from ledger.budget_event order by at"
    for number, (dollars, events) in enumerate(
        [(49, []), (1, [("reached", 0.5, 50)]), (35, [("reached", 0.8, 85)])]
    ):
        one = caller()
        one.buy(f"boats {number}", dollars)
        one.leave()
        assert book.rows(told)[-1:] == events
    for _ in range(2):
        with pytest.raises(BudgetExhausted):
            caller().claim("harbours", 16)
    one = caller()
    one.buy("harbours", 15)
    one.leave()

    assert book.rows(told) == [
        ("reached", 0.5, 50),
        ("reached", 0.8, 85),
        ("refused", 1, 85),
        ("reached", 1, 100),
    ]
    assert (
        "the budget of everything for this month has come to 80 %: 85.00 of 100.00 USD are spent"
        in caplog.text
    )
    assert standing(tools).state == "full"


def test_a_month_is_forecast_by_what_its_calls_have_cost_in_the_last_week(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """Of each budget those that it counts, whatever else they count for; what is older says nothing of today's rate."""
    limit(tools, month=2000)
    limit(tools, scope="project", name="shop", month=2000)
    for number, project in enumerate(("shop", "shop", "other")):
        one = caller(project=project)
        one.buy(f"boats {number}", 10 ** (number + 1))
        one.leave()
    book.change("update ledger.call set at = at - interval '8 days' where cost_usd = 10")
    book.change("update ledger.budget set valid_from = valid_from - interval '30 days'")
    moment = datetime.now(UTC)

    for scope, spent, recent in (("everything", 1110, 1100), ("project", 110, 100)):
        [found] = [each for each in list_budgets(tools, "main", moment) if each.scope == scope]
        assert found.spent_usd == spent
        assert found.forecast_usd == forecast(
            "month", found.starts_on, moment, Decimal(spent), Decimal(recent), timedelta(days=30)
        )


def test_many_callers_at_once_buy_no_more_than_the_cap(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """Sixty callers with two calls each, a cap worth fifty: fifty are bought, nothing stays reserved."""
    for round_ in range(3):
        name = f"round {round_}"
        limit(tools, scope="project", name=name, day=50, month=200)
        callers = [caller(project=name) for _ in range(60)]
        start = threading.Barrier(20)

        def work(numbered: tuple[int, Caller], start: threading.Barrier = start, round_: int = round_) -> int:
            number, one = numbered
            if number < 20:
                start.wait()
            bought = 0
            for turn in range(2):
                try:
                    one.buy(f"text {round_} {number} {turn}")
                    bought += 1
                except BudgetExhausted:
                    pass
            one.leave()
            return bought

        with ThreadPoolExecutor(20) as threads:
            bought = sum(threads.map(work, enumerate(callers)))

        assert bought == 50
        stand = {each.period: amounts(each) for each in list_budgets(tools, "main") if each.name == name}
        assert stand == {"day": (50, 0, 0, 0), "month": (50, 0, 150, 0)}
    assert book.rows("select count(*) from ledger.lease") == [(0,)]
    assert broken(tools) == []


def test_budgets_set_while_many_buy_lose_no_call(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """Every call is counted by each budget, whether it came before, during or after it was set."""
    callers = [caller() for _ in range(8)]

    def work(numbered: tuple[int, Caller]) -> None:
        number, one = numbered
        for turn in range(12):
            one.buy(f"text {number} {turn}")
        one.leave()

    with ThreadPoolExecutor(9) as threads:
        buying = threads.map(work, enumerate(callers))
        for cap in (1000, 2000, 1500):
            limit(tools, month=cap)
            limit(tools, scope="use", name="embed_chunk", day=cap)
            remove_budgets(tools, "main", subject("use", "embed_chunk"), ["day"], by="the tests")
        limit(tools, scope="use", name="embed_chunk", day=1000)
        list(buying)

    assert amounts(standing(tools)) == (96, 0, 1404, 0)
    assert amounts(standing(tools, "day", "use")) == (96, 0, 904, 0)
    assert book.rows("select count(*) from ledger.lease") == [(0,)]
    assert broken(tools) == []


def test_a_call_waits_at_the_first_of_its_leases_and_holds_none_behind_it(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """Leases are taken in one order, whatever the order of their rows: so nobody waits in a circle."""
    limit(tools, month=6400)
    limit(tools, day=6400)
    one = caller()
    one.buy("boats")
    # The rows are laid down again, the last period first.
    book.change(
        "with gone as (delete from ledger.lease returning *) insert into ledger.lease select * from gone "
        "order by period_id desc"
    )
    [(first,), (last,)] = book.rows("select period_id from ledger.lease order by 1")
    with psycopg.connect(book.url) as blocking, ThreadPoolExecutor(1) as thread:
        blocking.execute("select from ledger.lease where period_id = %s for update", [first])
        claimed = thread.submit(one.claim, "harbours")
        while not claimed.done() and not book.rows("select from pg_locks where not granted"):
            pass

        free = book.rows(
            "select period_id from ledger.lease where period_id = %s for update skip locked", last
        )

        blocking.rollback()
        one.settle(claimed.result())
    assert free == [(last,)]


def test_a_call_that_is_released_above_its_worst_case_waits_in_no_circle_with_its_process(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """The records say that it was dearer, while its process claims on: its leases first, and then the periods."""
    limit(tools, month=6400)
    one = caller()
    call = one.claim("boats", 5)
    one.ledger.leave_open(call, "unknown", "lost", History())

    def release() -> Decimal:
        with tools.db.transaction("main") as session:
            return release_within(session, call.call_id, billed=True, used=Billed(50, 0, 0))

    with psycopg.connect(book.url) as claiming, ThreadPoolExecutor(1) as thread:
        claiming.execute("select ledger.join_budgets('main', false)")
        claiming.execute("select from ledger.lease for update")
        released = thread.submit(release)
        while not released.done() and not book.rows("select from pg_locks where not granted"):
            pass
        claiming.execute("select from ledger.budget_period for no key update")
        claiming.rollback()
        assert released.result() == 50

    assert standing(tools).spent_usd == 50
    assert broken(tools) == []


def test_budgets_set_claimed_and_given_back_by_many_at_once_never_wait_in_a_circle(
    tools: Tools, caller: Callable[..., Caller], book: Book
) -> None:
    """Six budgets, their days begun before their months; callers with small blocks, who end, and begin again."""
    subjects = [("everything", None), ("project", "plumbline"), ("use", "embed_chunk")]
    for period in ("day", "month"):
        for scope, name in subjects:
            limit(tools, scope=scope, name=name, **{period: 1000})
    done = threading.Event()

    def work(number: int) -> None:
        for turn in range(6):
            one = caller(project="plumbline")
            for text in range(3):
                one.buy(f"text {number} {turn} {text}")
            one.leave()

    def set_all() -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            for scope, name in subjects:
                limit(tools, scope=scope, name=name, day=1000 - turn % 2, month=1000 + turn % 3)
            reclaiming = list_budgets(tools, "main")
            assert len(reclaiming) == 6

    with ThreadPoolExecutor(10) as threads:
        setting = [threads.submit(set_all) for _ in range(2)]
        try:
            list(threads.map(work, range(8)))
        finally:
            done.set()
        for each in setting:
            each.result()

    assert {int(each.spent_usd) for each in list_budgets(tools, "main")} == {144}
    assert book.rows("select count(*) from ledger.lease") == [(0,)]
    assert broken(tools) == []


def test_the_door_draws_on_budgets_and_gives_all_back(live: Door, tools: Tools, book: Book) -> None:
    """As every pipeline buys."""
    limit(tools, scope="project", name="plumbline", month=1)

    live.embed("search_query", ["boats", "harbours"])

    [found] = list_budgets(tools, "main")
    assert [(found.spent_usd,)] == book.rows("select sum(cost_usd) from ledger.call")
    assert (found.reserved_usd, book.intents, broken(tools)) == (0, 0, [])


def test_the_door_says_that_a_budget_is_full_and_sends_nothing(
    live: Door, tools: Tools, book: Book, model_server: RunningServer
) -> None:
    """Fatal: trying again cannot help.  What was taken of the rate limit is given back."""
    limit(tools, month=0)

    with pytest.raises(BudgetExhausted):
        live.embed("search_query", ["boats"])

    assert model_server.meter()["requests"] == 0
    assert book.rows("select (requests).room = requests_per_minute from ledger.bucket") == [(True,)]
    assert book.rows("select event from ledger.budget_event") == [("refused",)]


def test_without_a_budget_a_purchase_does_not_touch_their_tables(
    live: Door, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sets none pays nothing for them."""
    monkeypatch.delattr(reserving, "grant")
    for table in ("budget_period", "lease", "budget_event"):
        book.change(f"revoke all on ledger.{table} from plumbline_app")

    live.embed("search_query", ["boats"])

    assert book.states() == {"settled": 1}


def test_a_text_longer_than_its_use_allows_is_refused(live: Door, model_server: RunningServer) -> None:
    """Before anything is sent."""
    with (
        pytest.raises(InputRefused, match="allows 1000"),
        live.embedding("verify") as stream,
    ):
        stream.add("boats", 1001)

    assert model_server.meter()["requests"] == 0


def test_no_budget_of_another_tenant_counts(tools: Tools, caller: Callable[..., Caller]) -> None:
    """Each tenant sees, and is held by, its own."""
    set_budgets(tools, "other", EVERYTHING, {"month": Decimal(0)}, by="the tests")

    caller().buy("boats", 10)

    assert list_budgets(tools, "main") == []
    assert [each.cap_usd for each in list_budgets(tools, "other")] == [0]


@pytest.mark.parametrize(
    ("change", "wall"),
    [
        ("update ledger.budget_period set leased_usd = 101", "a_budget_is_a_wall"),
        ("update ledger.lease set open_usd = granted_usd + 1", "a_lease_is_a_wall"),
        (
            ANOTHER_IN_FORCE,
            "budget_in_force",
        ),
    ],
)
def test_the_database_itself_refuses_what_breaks_a_budget(
    tools: Tools, caller: Callable[..., Caller], book: Book, change: str, wall: str
) -> None:
    """Whatever the code above it does."""
    limit(tools, month=100)
    caller().buy("boats")

    with pytest.raises(psycopg.errors.IntegrityError, match=wall):
        book.change(change)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("update ledger.lease set spent_usd = spent_usd - 1", "has spent what its calls cost"),
        ("update ledger.call set cost_usd = 2", "has spent what its calls cost"),
        ("update ledger.budget_period set leased_usd = leased_usd - 1", "is what its leases hold"),
        ("update ledger.lease set open_usd = 0.1", "belongs to calls that have not ended"),
        ("update ledger.budget_period set cap_usd = 1, over_usd = 1000", "is over its cap"),
        ("update ledger.lease set holder = 5", "No process that is gone"),
    ],
)
def test_a_rule_of_budgets_that_is_broken_is_named(
    tools: Tools, caller: Callable[..., Caller], book: Book, change: str, rule: str
) -> None:
    """Each check can fail."""
    limit(tools, month=100)
    one = caller()
    one.buy("boats")
    assert broken(tools) == []

    book.change(change)

    assert any(rule in sentence for sentence in broken(tools))


@pytest.mark.parametrize(
    ("scope", "name", "caps", "says"),
    [
        ("company", "x", {"month": 1}, "everything, project, team, use or user"),
        ("project", None, {"month": 1}, "Say which project"),
        ("everything", "x", {"month": 1}, "has no name"),
        ("project", "x", {}, "Say how much"),
        ("project", "x", {"day": -1}, "an amount of US dollars"),
    ],
)
def test_a_mistake_gets_a_clear_sentence(
    tools: Tools, scope: str, name: str | None, caps: dict[str, int], says: str
) -> None:
    """And changes nothing."""
    with pytest.raises(NotABudget, match=says):
        limit(tools, scope=scope, name=name, **caps)

    assert list_budgets(tools, "main") == []


def test_removing_a_budget_that_is_not_there_says_so(tools: Tools) -> None:
    """A name with a slip of the finger limits nobody."""
    with pytest.raises(NotABudget, match="There is no budget of project x by the day"):
        budgets.remove_budgets(tools, "main", subject("project", "x"), ["day"], by="the tests")
