"""Who hears of a failure: one line in the log, one mail to the owner, and nothing of what a row holds."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from plumbline.core.tools import Tools


class _Mailbox(socketserver.ThreadingTCPServer):
    """A mail server that keeps what it is given."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.mails: list[str] = []


class _Conversation(socketserver.StreamRequestHandler):
    """Just enough of SMTP to accept a mail."""

    server: _Mailbox

    def handle(self) -> None:
        """Answer until the client leaves."""
        self.wfile.write(b"220 mailbox\r\n")
        for line in self.rfile:
            word = line[:4].upper().strip()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                mail = message_from_bytes(b"".join(lines))
                parts = [part.get_payload(decode=True) for part in mail.walk() if not part.is_multipart()]
                body = b"".join(part for part in parts if isinstance(part, bytes)).decode()
                self.server.mails.append(f"To: {mail['To']}\n{mail['Subject']}\n{body}")
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                return


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Mailbox]:
    """A mail server that the Connection `plumbline_smtp` names."""
    with _Mailbox() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        extra = {"from_email": "airflow@example.com", "alerts_to": "owner@example.com", "disable_tls": True,
                 "disable_ssl": True}  # fmt: skip
        host, port = server.server_address[:2]
        connection = {"conn_type": "smtp", "host": host, "port": port, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_PLUMBLINE_SMTP", json.dumps(connection))
        yield server
        server.shutdown()


def test_the_owner_gets_one_mail_with_the_reason_and_the_runbook(
    installation: Path, run_dag: Callable[..., Any], mailbox: _Mailbox
) -> None:
    """Whoever is called needs to know what failed, why, and where to look."""
    installation.rmdir()

    failed = run_dag("ingest_documents")

    assert str(failed.state) == "failed"
    [mail] = mailbox.mails
    assert mail.startswith("To: owner@example.com\ningest_documents failed at scan_source.\n")
    assert "cannot be opened" in mail
    assert failed.run_id in mail
    assert "docs/runbooks/ingest_documents.md" in mail


def test_the_owner_is_told_once_that_a_budget_has_refused_a_call(
    installation: Path, run_dag: Callable[..., Any], mailbox: _Mailbox, tools: Tools
) -> None:
    """With the task that failed over it; what does not fail, later, tells nobody again."""
    with tools.db.transaction("main") as session:
        session.execute(
            "insert into ledger.budget (tenant, scope, name, period, cap_usd, set_by) "
            "values ('main', 'everything', '', 'month', 0.01, 'the tests') returning budget_id"
        )
        session.execute(
            "insert into ledger.budget_period (tenant, scope, name, period, starts_on, budget_id, cap_usd) "
            "select tenant, scope, name, period, '2031-01-01', budget_id, cap_usd from ledger.budget"
        )
        session.execute(
            "insert into ledger.budget_event (period_id, event, threshold, tenant, spent_usd, cap_usd) "
            "select period_id, 'refused', 1, tenant, 0.009, cap_usd from ledger.budget_period"
        )

    run_dag("check_tables")
    run_dag("check_tables")

    [mail] = mailbox.mails
    assert mail.startswith(
        "To: owner@example.com\nBudgets of main: The budget of everything for this month has refused"
    )
    assert "0.009 of 0.01 USD are spent" in mail


def test_without_a_mail_server_a_failure_is_logged_all_the_same(
    installation: Path, run_dag: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """The embedded form has no mail server."""
    installation.rmdir()

    failed = run_dag("ingest_documents")

    assert str(failed.state) == "failed"
    assert "ingest_documents failed at scan_source. The inbox" in caplog.text


def test_whoever_is_to_approve_a_run_is_told_that_it_waits(
    airflow: None, installation: Path, mailbox: _Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question that stands in a list nobody looks at holds up every run behind it."""
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    from plumbline_airflow.approval import ApproveSpend

    waiting: list[str] = []
    monkeypatch.setattr(ApprovalOperator, "execute", lambda task, _: waiting.append(task.subject))
    plan = {"plan_only": False, "needs_approval": True, "cost_usd": 12.5, "cost_batch_usd": 6.25, "calls": 1,
            "tokens": 2, "to_buy": 3, "answered_by": "m",
            "price_usd": "12.5", "does": "read 4 files of `/secret`", "approve_above_usd": "5",
            "refused_by": []}  # fmt: skip
    task = ApproveSpend(task_id="approve_spend", plan=plan)

    instance = SimpleNamespace(
        id=uuid4(),
        dag_id="ingest_documents",
        run_id="r1",
        task_id="approve_spend",
        map_index=-1,
        try_number=1,
    )
    task.execute({"ti": instance})  # type: ignore[typeddict-item]

    assert ["May this run spend $12.50 on 3 embeddings?"] == waiting
    [mail] = mailbox.mails
    assert mail.startswith(
        "To: owner@example.com\ningest_documents: May this run spend $12.50 on 3 embeddings?\n"
    )
    assert "docs/runbooks/ingest_documents.md" in mail
    assert "/secret" not in mail


def test_a_dead_worker_is_told_of_without_our_database(
    airflow: None, mailbox: _Mailbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Then the callback runs in the dag-processor, which has the mail server and none of our other Connections."""
    from plumbline.core.settings import Settings
    from plumbline_airflow import alerts

    bare = Settings(values={}, home=tmp_path)
    monkeypatch.setattr("plumbline.core.tools.Settings.load", lambda: bare)
    for name in ("DB", "KEEPER", "OPENAI"):
        monkeypatch.delenv(f"AIRFLOW_CONN_PLUMBLINE_{name}", raising=False)
    instance = SimpleNamespace(dag_id="ingest_documents", task_id="prepare_documents", run_id="r", id="i")

    alerts.tell_owner({"ti": instance})

    [mail] = mailbox.mails
    assert mail.startswith("To: owner@example.com\ningest_documents failed at prepare_documents.\n")
    assert "See the log of the task." in mail


def test_the_text_of_a_strangers_error_is_not_passed_on(airflow: None) -> None:
    """A driver's message may quote the row that it could not write."""
    from airflow.sdk.exceptions import AirflowFailException

    from plumbline.core.errors import Fatal
    from plumbline_airflow.alerts import reason_of

    assert reason_of(ValueError("Jane Doe, 4 Elm Street")) == "ValueError: see the log of the task."
    assert reason_of(Fatal("The inbox is not there.")) == "The inbox is not there."
    assert reason_of(AirflowFailException("The inbox is not there.")) == "The inbox is not there."
    assert reason_of(None) == "See the log of the task."
