"""What a run that rebuilds an index says before the spend is what its tasks come to."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from plumbline.corpus import index_plans, indexing
from plumbline.corpus.comparing import compare_index
from plumbline.corpus.indexing import build_index
from plumbline.corpus.rebuilding import plan_spend
from plumbline.models import PriceUnknown, set_budgets, subject
from plumbline.models.batches import Work, turn

PRICES = {"standard": "1.37", "batch": "0.5"}
STATE = """
    select (select count(*) from ledger.call) as calls, (select count(*) from corpus.vector_index) as indexes,
        (select count(*) from ledger.batch_plan) as plans, (select count(*) from lineage.run) as runs
"""


@pytest.fixture
def set_price(owner):
    """Let the embedded model cost something, so that a sum can be wrong."""

    def put(service):
        owner.execute(
            "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) "
            "values ('local-wordllama', %s, 'input', current_date - 1, %s, 'a test')",
            [service, PRICES[service]],
        )

    return put


@pytest.fixture
def asked(tools, run, ingest, tmp_path, set_price):
    """A searchable inbox, prices, and tools that know a golden question, and above which price a person is asked."""
    ingest()
    for service in PRICES:
        set_price(service)
    golden = tmp_path / "questions.jsonl"
    question = {"id": "taxi", "text": "When may I take a taxi?", "relevant": ["handbook.md"]}
    golden.write_text(json.dumps(question), encoding="utf-8")

    def with_settings(above=""):
        values = {"PLUMBLINE_APPROVE_ABOVE_USD": above, "PLUMBLINE_QUESTIONS": str(golden)}
        settings = replace(tools.settings, values={**tools.settings.values, **values})
        return replace(tools, settings=settings)

    return with_settings


def test_a_plan_is_the_bill_of_building_and_comparing(asked, run, rows, model_server, monkeypatch):
    """Calls, tokens and price, golden questions of both indexes included; page by page, as it is bought."""
    monkeypatch.setattr(index_plans, "PAGE", 2)
    monkeypatch.setattr(indexing, "PAGE", 2)
    tools = asked()
    model_server.reset()
    before = rows("select coalesce(sum(cost_usd), 0) as cost from ledger.call")[0]["cost"]
    state = rows(STATE)

    plan = plan_spend(tools, run, dimensions=128)

    assert (state, 0) == (rows(STATE), model_server.meter()["requests"])
    build_index(tools, run, dimensions=128)
    compare_index(tools, run)
    meter = model_server.meter()
    assert (plan["calls"], plan["tokens"]) == (meter["requests"], meter["tokens"])
    after = rows("select sum(cost_usd) as cost from ledger.call")[0]["cost"]
    assert after - before == Decimal(str(plan["cost_usd"])) == Decimal(plan["price_usd"]) > 0
    assert plan["cost_batch_usd"] < plan["cost_usd"]


@pytest.mark.parametrize(
    ("above", "batch", "asks"), [("", False, False), ("0", False, True), ("0", True, True)]
)
def test_a_person_is_asked_only_above_the_configured_price(asked, run, above, batch, asks):
    """A price that is not above it needs nobody; in batches, it is the price in batches that counts."""
    plan = plan_spend(asked(above), run, dimensions=128, batch=batch)

    assert asks == plan["needs_approval"]
    assert plan["price_usd"] == f"{Decimal(str(plan['cost_batch_usd' if batch else 'cost_usd'])):f}"
    assert not plan_spend(asked(plan["price_usd"]), run, dimensions=128, batch=batch)["needs_approval"]
    alone = plan_spend(asked("0"), run, dimensions=128, batch=batch, plan_only=True)
    assert (True, False) == (alone["plan_only"], alone["needs_approval"])


def test_a_budget_that_has_room_for_batches_alone_refuses_only_the_rest(asked, run):
    """Whoever asks for batches is told what holds for batches."""
    tools = asked()
    plan = plan_spend(tools, run, dimensions=128)
    spent = sum(Decimal(str(plan[name])) for name in ("cost_usd", "cost_batch_usd")) / 2
    set_budgets(tools, run.tenant, subject("use", "embed_chunk"), {"month": spent}, by="me")

    assert [[("use", "embed_chunk")], []] == [
        [
            (one["scope"], one["name"])
            for one in plan_spend(tools, run, dimensions=128, batch=batch)["refused_by"]
        ]
        for batch in (False, True)
    ]


def test_a_model_without_a_price_ends_the_run_before_anything_is_begun(asked, run, owner):
    """With the sentence that says which price is missing; a plan alone only remarks it."""
    tools = asked()
    owner.execute("delete from ledger.price where model = 'local-wordllama' and service = 'batch'")

    with pytest.raises(PriceUnknown, match="batch"):
        plan_spend(tools, run, dimensions=128, batch=True)
    assert plan_spend(tools, run, dimensions=128, batch=True, plan_only=True)["cost_batch_usd"] is None
    assert plan_spend(tools, run, dimensions=128)["price_usd"] != "0"


def test_questions_that_cannot_be_read_cost_nothing_and_stop_no_plan(asked, run, tools):
    """The comparison says so when it comes to it."""
    values = {**tools.settings.values, "PLUMBLINE_QUESTIONS": "/nowhere.jsonl"}
    unread = replace(tools, settings=replace(tools.settings, values=values))

    without, with_ = (plan_spend(each, run, dimensions=128) for each in (unread, asked()))

    assert with_["calls"] == without["calls"] + 2
    assert with_["tokens"] > without["tokens"]


def test_what_a_batch_is_buying_is_not_planned_a_second_time(asked, run, model_server):
    """A run that goes on with the batch of one that was ended asks nobody for what is reserved already."""
    tools = asked("0")
    before = plan_spend(tools, run, dimensions=128, batch=True)
    model_server.fault("batch_hold", state="in_progress")
    [plan_id] = indexing.plan_batches(tools, run, dimensions=128, batch=True)["plan_ids"]
    turn(Work.of(tools, run.tenant), [UUID(plan_id)])

    again = plan_spend(tools, run, dimensions=128, batch=True)

    vectors = before["missing"]
    assert before["missing"] == again["missing"]
    assert before["to_buy"] - vectors == again["to_buy"] == 2
    assert Decimal(again["price_usd"]) < Decimal(before["price_usd"])
