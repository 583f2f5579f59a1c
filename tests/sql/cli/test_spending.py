"""The command line about money and models: budgets, prices, calls, batches, customer lists."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import BudgetExhausted, Door
from plumbline.models.batches import Work, advance, list_batches

Done = subprocess.CompletedProcess[str]


def test_a_plan_says_which_budgets_have_no_room_and_what_would_happen(plumbline, on_terminal, folder, owner):
    """Before anything is bought, and for an index too; without a word, `plan` says what can be planned."""
    owner.execute(
        "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) "
        "values ('local-wordllama', 'standard', 'input', current_date - 1, 9, 'a test')"
    )
    free = plumbline("plan", "ingest", str(folder))
    plumbline("ingest", str(folder))
    plumbline("budget", "set", "use", "embed_chunk", "--day", "0.0000001")
    (folder / "berths.md").write_text("# Berths\n\nA berth costs fifty euros a night from now on.\n")

    listed = plumbline("plan")
    said = plumbline("plan", "ingest", str(folder))
    code, screen = on_terminal("plan", "ingest", str(folder))
    plan = json.loads(plumbline("plan", "ingest", str(folder), "--json").stdout)
    index = json.loads(plumbline("plan", "index", "--dimensions", "64", "--json").stdout)

    assert "no room" not in free.stdout
    assert "1 request\n" in free.stdout
    assert 0 == listed.returncode
    assert "plumbline plan ingest" in listed.stdout
    assert "plumbline plan index" in listed.stdout
    assert "! The budget of use embed_chunk for this day has no room for it: 0.00 of" in said.stdout
    assert "A run would buy until there is no room, keep what it bought, and fail." in said.stdout
    assert 0 == code
    assert "has no room for it" in " ".join(screen.split())
    assert ["embed_chunk"] == [refusal["name"] for refusal in plan["refused_by"]]
    assert ["embed_chunk"] == [refusal["name"] for refusal in index["refused_by"]]
    assert 1 == index["calls"]


def test_the_customer_list_is_loaded_counted_and_never_shown(
    plumbline: Callable[..., Done], tmp_path: Path
) -> None:
    """Counts by kind, for people and for programs; a bad list says where and why, and changes nothing."""
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("kind,value\nname,Jane Doe\naddress,12 Harbour Street\nname,Bob Roe\n", encoding="utf-8")
    bad.write_text("kind,value\nname,Unmistakable\n", encoding="utf-8")
    none = plumbline("privacy", "names")

    loaded, refused = (plumbline("privacy", "names", "load", str(file)) for file in (good, bad))
    told, counted = plumbline("privacy", "names"), plumbline("privacy", "names", "--json")

    assert "There is no customer list" in none.stdout
    assert (0, 1) == (loaded.returncode, refused.returncode)
    assert "row 2: one word alone" in refused.stderr
    assert {"address": 1, "name": 2} == json.loads(counted.stdout)["kinds"]
    assert "3 values" in told.stdout
    shown = "".join(done.stdout + done.stderr for done in (loaded, refused, told, counted))
    assert not re.search("Jane|Doe|Harbour|Unmistakable", shown)


def test_a_budget_is_set_shown_and_removed(plumbline: Callable[..., Done], tools: Tools, run: Run) -> None:
    """In the words of whoever pays."""
    assert "There is no budget" in plumbline("budget").stdout

    done = plumbline(
        "budget", "set", "project", "shop", "--day", "5", "--month", "$100.50", "--tell-at", "80%,100"
    )
    told = json.loads(plumbline("budget", "--json").stdout)["budgets"]
    shown = plumbline("budget").stdout

    assert (done.returncode, "month of project shop: $100.50, of which $0.00 are spent" in done.stdout) == (
        0,
        True,
    )
    assert [(each["period"], each["cap_usd"], each["thresholds"]) for each in told] == [
        ("day", "5.000000000", [0.8, 1]),
        ("month", "100.500000000", [0.8, 1]),
    ]
    assert ["project", "shop", "month", "$100.50", "$0.00", "$0.00", "$100.50", "$0.00", "free"] in [
        line.split() for line in shown.splitlines()
    ]
    assert "by the day any more" in plumbline("budget", "remove", "project", "shop", "--day").stdout
    assert len(json.loads(plumbline("budget", "--json").stdout)["budgets"]) == 1


def test_a_budget_that_is_full_stops_an_ingestion_with_a_sentence(
    plumbline: Callable[..., Done], on_terminal: Callable[..., tuple[int, str]], database: str, scratch: Scratch,
    tmp_path: Path,
) -> None:  # fmt: skip
    """It says which budget, how it stands, and what to do; raised, the next run goes on."""
    with psycopg.connect(scratch.url(database, "owner")) as session:
        session.execute(
            "insert into ledger.price values ('local-wordllama', 'standard', 'input', '2026-02-01', 9, 't')"
        )
    (tmp_path / "notes.md").write_text("# Boats\n\nBoats lie in the harbour all winter.\n", encoding="utf-8")
    plumbline("budget", "set", "everything", "--month", "0")

    refused = plumbline("ingest", str(tmp_path))
    code, screen = on_terminal("budget")
    plumbline("budget", "set", "everything", "--month", "1")
    done = plumbline("ingest", str(tmp_path))

    assert (refused.returncode, done.returncode, code) == (1, 0, 0)
    assert "The budget of everything for this month has no room: of 0.00 USD" in refused.stderr
    assert "plumbline budget set" in refused.stderr
    assert "full" in screen


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("set", "shop", "--month", "5"), "everything, project, team, use or user, not for 'shop'"),
        (("set", "project", "shop"), "--day USD, --month USD, or both"),
        (("set", "project", "shop", "--day", "five"), "'five' is not a number"),
        (("remove", "project", "shop", "--day"), "There is no budget of project shop by the day"),
    ],
)
def test_a_mistake_about_budgets_gets_a_sentence(
    plumbline: Callable[..., Done], words: tuple[str, ...], says: str
) -> None:
    """Not a traceback, and nothing is changed."""
    done = plumbline("budget", *words)

    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr


def test_prices_are_listed_by_kind(plumbline: Callable[..., Done]) -> None:
    """One by one and in batches."""
    lines = [line.split() for line in plumbline("prices").stdout.splitlines()]

    assert ["gpt-5-mini", "standard", "0.25", "0.025", "2.00", "2025-08-07"] in lines
    assert ["gpt-4.1", "batch", "1.00", "-", "4.00", "2025-04-14"] in lines


def test_a_provider_that_is_left_alone_is_shown_and_can_be_sent_to_again(plumbline, scratch, database):
    """Since when, why, and until when, wherever a person looks first."""
    assert "No model fails.\n" == plumbline("calls", "breaker").stdout
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute(
            "insert into ledger.breaker "
            "(endpoint, model, state, failures, failed_at, opened_at, pause, next_probe_at, seen) values "
            "('https://api.example/v1', 'a-model', 'open', 10, now(), now(), 15, now() + interval '15 s', '503')"
        )

    shown = plumbline("calls", "breaker")
    status = plumbline("status")
    told = json.loads(plumbline("calls", "breaker", "--json").stdout)["failing"]
    findings = json.loads(plumbline("doctor", "--json").stdout)["findings"]
    other = plumbline("calls", "breaker", "--reset", "--model", "another")
    reset = plumbline("calls", "breaker", "--reset")

    sentence = "10 failures in a row"
    assert shown.stdout.startswith("a-model at https://api.example/v1\n  nothing is sent since ")
    assert (sentence in shown.stdout, sentence in status.stdout) == (True, True)
    assert [("open", "503")] == [(one["state"], one["seen"]) for one in told]
    [found] = [finding for finding in findings if finding["part"] == "model a-model"]
    assert (found["ok"], sentence in found["message"]) == (False, True)
    assert "plumbline calls breaker --reset" in found["remedy"]
    assert "No model fails.\n" == other.stdout
    assert "Calls to a-model at https://api.example/v1 are sent again.\n" == reset.stdout
    assert "a-model" not in plumbline("status").stdout


def test_a_used_up_rate_limit_says_when_to_come_back(
    plumbline, model_server, folder, environment, scratch, database
):
    """One sentence, and what was bought is kept; the same command goes on from there."""
    extra = {"embedding_model": "local-wordllama", "patience": 0.5}
    environment["AIRFLOW_CONN_PLUMBLINE_OPENAI"] = json.dumps(
        {"conn_type": "openai", "host": model_server.base_url, "password": "sk-tests", "extra": extra}
    )
    model_server.fault("429", times=1, retry_after=1)

    refused = plumbline("ingest", str(folder))

    assert 1 == refused.returncode
    said = " ".join(refused.stderr.split())
    assert re.search(r"there is room again in 1 s, at \d\d:\d\d:\d\d UTC\. Start the same again then", said)
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute("update ledger.bucket set closed_until = null")
    assert 0 == plumbline("ingest", str(folder)).returncode
    assert 0 == model_server.meter()["repeated_inputs"]


def test_expired_lines_that_wait_for_a_budget_are_shown_and_given_up(
    plumbline: Callable[..., Done], tools: Tools, run: Run, scratch: Scratch, database: str
) -> None:
    """By whoever decides that nobody needs them any more."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        admin.execute(
            "insert into ledger.price values ('local-wordllama', 'batch', 'input', '2026-02-01', 1, 'the tests')"
        )
        with Door(tools, run).embedding_batch("embed_chunk") as planned:
            planned.add("Some text", 2)
        assert plumbline("budget", "set", "everything", "--month", "0").returncode == 0
        admin.execute("update ledger.call set state = 'expired', cost_usd = 0, ended_at = now()")
        admin.execute("update ledger.batch_line set left_as = 'expired'")
        admin.execute(
            "update ledger.batch set state = 'landed', cleaned_at = now(), cost_usd = 0, provider_batch_id = 'b', "
            "settled = 0, refused = 0, failed = 0, expired = 1, unknown = 0"
        )
    batch = str(planned.parts[0].batch_id)
    with pytest.raises(BudgetExhausted, match="expired and wait"):
        advance(Work.of(tools, run.tenant), planned.plan_id)

    assert batch in plumbline("batches").stdout
    assert "1 line to be asked for again, or put right" in plumbline("batches", "show", batch).stdout
    assert "1 line given up" in plumbline("batches", "give-up", batch).stdout
    assert "No batch is under way." in plumbline("batches").stdout
    with psycopg.connect(scratch.server.admin_url(database)) as admin:
        left = admin.execute("select (select count(*) from ledger.batch_key), state from ledger.batch_plan")
        assert [(0, "done")] == left.fetchall()


def test_batches_are_listed_shown_and_cancelled(
    plumbline: Callable[..., Done], tools: Tools, run: Run
) -> None:
    """As a table for people, as one object for programs; a batch that is not there has a sentence."""
    assert "No batch is under way." in plumbline("batches").stdout
    with Door(tools, run).moderation_batch("ticket") as planned:
        planned.add("Some text", 2)
    batch = str(planned.parts[0].batch_id)

    assert re.search(rf"{batch} +1 +ticket +1 +planned", plumbline("batches").stdout)
    (listed,) = json.loads(plumbline("batches", "--json").stdout)["batches"]
    assert (batch, "planned", 1) == (listed["batch_id"], listed["state"], listed["lines"])
    assert "the next run in batches, ends it" in plumbline("batches", "cancel", batch).stdout
    assert "its end was asked for" in plumbline("batches", "show", batch).stdout

    advance(Work.of(tools, run.tenant), planned.plan_id)

    shown = plumbline("batches", "show", batch)
    assert "1 failed" in shown.stdout
    assert "It was cancelled before it was submitted. It was not billed." in shown.stdout
    assert "ended already" in plumbline("batches", "cancel", batch).stdout
    assert "It is not with the provider." in plumbline("batches", "lost", batch).stdout
    assert "None of its lines waits" in plumbline("batches", "give-up", batch).stdout
    unknown = plumbline("batches", "show", str(run.run_id))
    assert (1, True) == (unknown.returncode, "There is no batch" in unknown.stderr)


def test_a_plan_that_nobody_waits_for_is_brought_home_by_a_command(
    plumbline: Callable[..., Done], tools: Tools, run: Run, model_server: RunningServer
) -> None:
    """Its DAG is gone: turns are taken by hand, of one plan or of all, as often as one likes."""
    assert "No plan is under way." in plumbline("batches", "advance").stdout
    model_server.fault("batch_hold")
    plans = []
    for text in ("Some text", "Another"):
        with Door(tools, run).moderation_batch("ticket") as planned:
            planned.add(text, 2)
        plans.append(str(planned.plan_id))
    first, second = plans

    assert f"Plan {first} is under way: 1 open" in " ".join(
        plumbline("batches", "advance", first).stdout.split()
    )
    assert f"batches advance {first}" in plumbline("batches", "cancel", batch_of(tools, first)).stdout
    model_server.clear_faults()
    said = " ".join(plumbline("batches", "advance").stdout.split())
    assert f"Plan {second} is done: 1 settled" in said
    assert f"Plan {first} is" in said
    while not (found := json.loads(plumbline("batches", "advance", first, "--json").stdout)["plans"][0])[
        "done"
    ]:
        pass
    assert sum(found["lines"].values()) == 1
    assert "No batch is under way." in plumbline("batches").stdout
    unknown = plumbline("batches", "advance", str(run.run_id))
    assert (1, True) == (unknown.returncode, "There is no plan" in unknown.stderr)


def test_a_plan_that_cannot_go_on_keeps_no_other_from_it(
    plumbline: Callable[..., Done], tools: Tools, run: Run, scratch: Scratch, database: str
) -> None:
    """Each has its sentence, and the command fails with the first."""
    plans = []
    for text in ("Some text", "Another"):
        with Door(tools, run).moderation_batch("ticket") as planned:
            planned.add(text, 2)
        plans.append(planned.plan_id)
    with psycopg.connect(scratch.server.admin_url(database)) as admin:
        admin.execute("update ledger.batch_plan set endpoint = 'elsewhere' where plan_id = %s", [plans[0]])

    done = plumbline("batches", "advance")

    said = " ".join(done.stdout.split())
    assert (1, True) == (done.returncode, "is at elsewhere" in done.stderr)
    assert f"Plan {plans[0]} cannot go on now" in said
    assert f"Plan {plans[1]} is done: 1 settled" in said


def batch_of(tools: Tools, plan_id: str) -> str:
    """Return the only batch of a plan."""
    (found,) = [row for row in list_batches(tools.db, "main") if str(row.plan_id) == plan_id]
    return str(found.batch_id)
