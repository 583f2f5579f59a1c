"""What a plan says before the spend is what the run says after it."""

from __future__ import annotations

import contextlib
import email.message
import mailbox
from dataclasses import replace
from decimal import Decimal

import pytest

from plumbline.corpus import planning, scanning
from plumbline.corpus.configuring import Configuration, add_source
from plumbline.corpus.planning import plan_ingestion, plan_spend
from plumbline.models import BudgetExhausted, set_budgets, subject

KEY = "sk-" + "a1B2c3D4" * 12


STATE = """
    select
        (select count(*) from ledger.call) as calls, (select count(*) from ledger.intent) as intents,
        (select count(*) from ledger.answer) as answers, (select count(*) from ledger.lease) as leases,
        (select count(*) from ledger.budget_period) as periods, (select count(*) from lineage.run) as runs,
        (select count(*) from corpus.source) as sources, (select count(*) from corpus.ingestion) as ingestions,
        (select count(*) from corpus.vector_index) as indexes
"""


@pytest.fixture
def priced(owner):
    """Let the embedded model cost something, one by one and in batches, so that a sum can be wrong."""
    owner.execute(
        "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) values "
        "('local-wordllama', 'standard', 'input', current_date - 1, 1.37, 'a test'), "
        "('local-wordllama', 'batch', 'input', current_date - 1, 0.5, 'a test')"
    )


def many(inbox, files=300):
    """Fill an inbox; every seventh file says the same, whichever task it falls to."""
    for number in range(files):
        berth = number if number % 7 else 0
        text = f"# Berth {berth}\n\nBerth {berth} is {berth * 7} metres long.\n"
        (inbox / f"berth{number:04}.md").write_text(text)


def agreed(plan, summary):
    """Plan and summary, as pairs that must be equal."""
    return [
        (plan["found"], summary["found"]),
        (plan["to_store"], summary["stored"]),
        (plan["unchanged"], summary["unchanged"]),
        (plan["refused"], summary["refused"]),
        (plan["to_remove"], summary["removed"]),
        (plan["to_buy"], summary["embedded"]),
        (plan["tokens"], summary["tokens"]),
        (plan["cost_usd"], summary["cost_usd"]),
    ]


def test_a_plan_counts_what_the_run_counts(tools, run, ingest, inbox):
    """Files that turn out unreadable are refused in both, and stored in neither."""
    ingest()
    (inbox / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    (inbox / "empty.md").write_text("")
    (inbox / "new.md").write_text("# New\n\nThe crane is out of order until Monday.\n")
    (inbox / "prices.txt").unlink()

    plan = plan_ingestion(tools, run, folder=str(inbox))
    pairs = agreed(plan, ingest())

    assert [planned for planned, _ in pairs] == [done for _, done in pairs]
    assert (6, 1, 2, 2, 1) == tuple(planned for planned, _ in pairs[:5])


def test_a_plan_prices_what_is_sent_and_not_what_stands_in_the_file(tools, run, ingest, inbox):
    """A credential is replaced before anything is sent, and the provider bills what it gets."""
    (inbox / "keys.md").write_text(
        f"# Keys\n\nThe crane is started with the key {KEY}, by the master only.\n"
    )

    plan = plan_ingestion(tools, run, folder=str(inbox))
    summary = ingest()

    assert plan["tokens"] == summary["tokens"]
    (inbox / "keys.md").write_text(
        "# Keys\n\nThe crane is started with the key [api key], by the master only.\n"
    )
    assert (0, 0) == tuple(
        plan_ingestion(tools, run, folder=str(inbox))[name] for name in ("to_buy", "tokens")
    )


@pytest.mark.parametrize("shown", [1, 1000])
def test_the_number_of_refused_files_is_true_however_many_are_shown(tools, run, inbox, monkeypatch, shown):
    """A list may be cut; a count may not."""
    for number in range(3):
        (inbox / f"empty{number}.md").write_text("")
        (inbox / f"broken{number}.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    monkeypatch.setattr(planning, "_REFUSALS_SHOWN", shown)

    plan = plan_ingestion(tools, run, folder=str(inbox))

    assert (6, min(6, shown)) == (plan["refused"], len(plan["refusals"]))


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize("files_a_task", [500, 70])
def test_a_plan_names_the_requests_that_the_run_makes_and_what_they_cost(
    tools, run, ingest, inbox, model_server, rows, monkeypatch, files_a_task
):
    """However many tasks share the work: the server counts as many requests, and the book the same price."""
    many(inbox)
    monkeypatch.setattr(scanning, "FILES_A_SHARD", files_a_task)

    plan = plan_ingestion(tools, run, folder=str(inbox))
    assert 0 == model_server.meter()["requests"]
    summary = ingest()

    assert plan["calls"] == model_server.meter()["requests"] == summary["requests"]
    [book] = rows("select sum(cost_usd) as cost from ledger.call")
    assert (plan["tokens"], Decimal(str(plan["cost_usd"]))) == (summary["tokens"], book["cost"])
    assert plan["calls"] >= (2 if files_a_task == 500 else 5)
    assert plan["cost_batch_usd"] == pytest.approx(plan["cost_usd"] * 0.5 / 1.37, rel=1e-3)
    again = plan_ingestion(tools, run, folder=str(inbox))
    assert (0, 0, 0.0) == (again["calls"], again["to_buy"], again["cost_usd"])


@pytest.mark.usefixtures("priced")
def test_a_plan_writes_nothing_and_names_the_budgets_that_have_no_room(tools, run, inbox, rows, ingest):
    """What would be refused is known before anything is bought, and what the run then does is what was said."""
    for whose, cap in (("everything", "0.000001"), ("use embed_chunk", "5"), ("team other", "0")):
        set_budgets(tools, run.tenant, subject(*f"{whose} ".split(" ")[:2]), {"month": Decimal(cap)}, by="me")
    before = rows(STATE)

    plan = plan_ingestion(tools, run, folder=str(inbox))

    assert before == rows(STATE)
    assert [("everything", "month", "0.000001")] == [
        (refusal["scope"], refusal["period"], refusal["cap_usd"].rstrip("0"))
        for refusal in plan["refused_by"]
    ]
    assert Decimal(plan["refused_by"][0]["left_usd"]) < Decimal(str(plan["cost_usd"]))
    with pytest.raises(BudgetExhausted):
        ingest()


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(("above", "asks"), [("", False), ("0", True), ("100", False)])
def test_a_person_is_asked_only_above_the_configured_price(tools, run, inbox, above, asks):
    """Without the setting the documents are not even read; a price that is not above it needs nobody."""
    settings = replace(tools.settings, values={**tools.settings.values, "PLUMBLINE_APPROVE_ABOVE_USD": above})

    plan = plan_spend(replace(tools, settings=settings), run, folder=str(inbox))

    assert asks == plan["needs_approval"]
    assert bool(above) == ("calls" in plan)
    assert "refusals" not in plan
    exact = replace(
        settings, values={**settings.values, "PLUMBLINE_APPROVE_ABOVE_USD": f"{plan.get('cost_usd', 1):.9f}"}
    )
    assert not plan_spend(replace(tools, settings=exact), run, folder=str(inbox))["needs_approval"]


def test_a_plan_alone_needs_nobody_and_says_what_it_would_be(tools, run, inbox):
    """Nothing is bought afterwards, so nobody is asked."""
    settings = replace(tools.settings, values={**tools.settings.values, "PLUMBLINE_APPROVE_ABOVE_USD": "0"})

    plan = plan_spend(replace(tools, settings=settings), run, folder=str(inbox), plan_only=True)

    assert (True, False, False) == tuple(plan[name] for name in ("plan_only", "needs_approval", "refreshed"))
    assert plan["to_buy"] > 0


def test_what_is_approved_is_what_the_run_goes_on_with(tools, run, tmp_path, rows):
    """A source that is no folder is looked at once: before the plan, for an approval; for a plan alone, not at all."""
    place = tmp_path / "mails.mbox"
    with contextlib.closing(mailbox.mbox(place)) as box:
        letter = email.message.EmailMessage()
        letter["Subject"], letter["From"], letter["Message-ID"] = "Leave", "a@example.com", "<1@example.com>"
        letter.set_content("Everybody has thirty days of leave a year.")
        box.add(letter)
    add_source(tools, run, Configuration("mails", "mailbox", str(place), owner="sea"))
    settings = replace(tools.settings, values={**tools.settings.values, "PLUMBLINE_APPROVE_ABOVE_USD": "100"})
    asking = replace(tools, settings=settings)

    alone = plan_spend(asking, run, source="mails", plan_only=True)
    assert [{"items": 0}] == rows("select count(*) as items from corpus.source_item")
    plan = plan_spend(asking, run, source="mails")
    again = plan_spend(asking, run, source="mails", refreshed=True)

    assert [(False, 0), (True, 1), (True, 1)] == [
        (each["refreshed"], each["to_buy"]) for each in (alone, plan, again)
    ]
    assert 1 == scanning.scan_source(tools, run, source="mails", refreshed=True)["to_store"]
