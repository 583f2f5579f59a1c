"""What the demo asks through the door is asked once, and what was left behind is brought to its end."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.embedded import dealing
from plumbline.embedded.dealing import Material, deal, material, told
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer
from plumbline.models import transport

BERTHS = [
    f"Berth {number} is {number * 7} metres long. It costs {number} euros a night." for number in range(1, 8)
]


@pytest.fixture
def asked() -> Material:
    """Two questions about a small harbour."""
    made = material(["How long is berth 3?", "How many euros does berth 5 cost a night?"], [BERTHS, BERTHS])
    assert made is not None
    return made


def test_all_is_bought_once_and_the_next_demo_finds_it(
    tools: Tools, run: Run, asked: Material, model_server: RunningServer
) -> None:
    """One question by itself, fourteen in a batch; nothing more, however often the demo is run."""
    first = deal(tools, run, asked)
    bill = model_server.meter()
    second = deal(tools, run, asked)

    assert (1, 0, 1) == (first.first.requests, first.again.requests, first.again.reused)
    assert (15, 14, True) == (first.planned.calls, first.lines, first.landed)
    assert 14 == bill["batch"]["local-extractive"]["requests"]
    assert (0, 0, 0) == (second.planned.calls, second.first.requests, second.lines)
    assert bill["requests"] == model_server.meter()["requests"]
    assert first.answer.content == second.answer.content
    assert first.found == second.found > 0
    assert {"plan", "asked", "sent", "answered", "again", "batch", "budget"} <= {
        word for word, _ in told(second)
    }
    assert len(list(told(first))) <= 11
    assert not any(dealing.PAID in line for _, line in told(second))
    assert any(dealing.PAID in line for _, line in told(first))
    assert not any("$0.000000" in line or line.endswith("$0") for _, line in told(first))


def test_the_address_is_not_sent(
    tools: Tools,
    run: Run,
    asked: Material,
    scratch: Scratch,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is shown stands in the one request that the model got, and the address in no request and no row."""
    bodies: list[str] = []
    post, upload = transport.post, transport.upload

    def seen(endpoint: Any, path: str, body: bytes, *given: Any) -> Any:
        bodies.append(body.decode())
        return post(endpoint, path, body, *given)

    def uploaded(endpoint: Any, file: Any, name: str) -> Any:
        file.seek(0)
        bodies.append(file.read().decode())
        return upload(endpoint, file, name)

    monkeypatch.setattr(transport, "post", seen)
    monkeypatch.setattr(transport, "upload", uploaded)

    dealt = deal(tools, run, asked)

    assert dealt.sent.startswith(asked.question.partition(" (")[0])
    assert dealt.sent.endswith("])")
    assert "([email-" in dealt.sent
    assert [dealt.sent in body for body in bodies if '"messages"' in body].count(True) == 1
    assert not any("ada.lovelace" in body for body in bodies)
    with psycopg.connect(scratch.server.admin_url(database)) as session:
        [found] = (
            session.execute(
                "select count(*) from ledger.answer where body::text like '%%ada.lovelace%%'"
            ).fetchone()
            or ()
        )
        [words] = session.execute("select count(*) from privacy.pseudonym").fetchone() or ()
    assert (0, 1) == (found, words)


def test_a_batch_that_takes_too_long_is_landed_by_the_next_demo(
    tools: Tools, run: Run, asked: Material, model_server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted or slow, it is found again, and bought once."""
    model_server.fault("batch_hold", state="in_progress")
    monkeypatch.setattr(dealing, "_BATCH_SECONDS", 0.0)
    held = deal(tools, run, asked)
    model_server.clear_faults()
    monkeypatch.undo()

    landed = deal(tools, run, asked)

    assert (False, True) == (held.landed, landed.landed)
    assert any("under way" in line for _, line in told(held))
    assert 14 == model_server.meter()["batch"]["local-extractive"]["requests"]
    assert landed.found > 0


def test_a_plan_of_questions_is_no_less_than_the_bill(
    tools: Tools, run: Run, asked: Material, scratch: Scratch, database: str
) -> None:
    """At most is a promise: one by one for what is asked one by one."""
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as session:
        prices: list[tuple[Any, ...]] = [
            (service, kind, usd)
            for service, usd in (("standard", 100), ("batch", 50))
            for kind in ("input", "cached_input", "output")
        ]
        for price in prices:
            session.execute(
                "insert into ledger.price (model, service, kind, valid_from, usd_per_million, source) "
                "values ('local-extractive', %s, %s, current_date - 1, %s, 'a test')",
                price,
            )

    dealt = deal(tools, run, asked)

    assert dealt.planned.usd >= dealt.planned.batch_usd >= dealt.batch_cost_usd > 0  # type: ignore[operator]
    assert dealt.planned.usd >= dealt.cost_usd > Decimal(0)
    assert dealt.budget is not None
    assert dealt.budget.spent_usd == dealt.cost_usd
