"""
Who hears that a task failed for good, that a budget has come to a threshold, or that a run waits, and how.

One clear line in the log, and one mail to the owner where the Connection `plumbline_smtp` says where to: its extra
holds `from_email` and `alerts_to`.  A mapped task that fails in many parts is told of once a run.  The reason is a
sentence of ours or the type of an error, never the text of a stranger's error, which may hold the contents of rows.

It runs on the worker, and where a worker died with the last try, on Airflow's dag-processor: both reach the mail
server, and only the worker reaches our database.  So a dead worker's parts are told of one by one.  An alert that
cannot be sent is logged and changes nothing else.
"""

from __future__ import annotations

import html
import logging
from typing import TYPE_CHECKING, Any

import psycopg
from airflow.sdk.exceptions import AirflowFailException

from plumbline.core import db
from plumbline.core.errors import PlumblineError
from plumbline.core.settings import Settings
from plumbline.models.budgets import tell_events
from plumbline_airflow.connections import SMTP, look_up, tools_of_airflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from plumbline.core.connections import Connection
    from plumbline.core.tools import Tools

log = logging.getLogger(__name__)


def tell_owner(context: Context) -> None:
    """Say which task failed, why, and which runbook to open."""
    instance = context["ti"]
    subject, text = alert(
        instance.dag_id, instance.task_id, instance.run_id, reason_of(context.get("exception"))
    )
    log.error("%s %s", subject, text.replace("\n", " "))
    connection = look_up(SMTP)
    if connection and connection.extra.get("alerts_to") and not _was_told(instance):
        _mail(connection, subject, text)


def tell_of_budgets(tools: Tools, tenant: str) -> None:
    """Mail what budgets have come to, once; without a mail server it stays in the log and in `plumbline budget`."""

    def tell(sentences: Sequence[str]) -> bool:
        connection = look_up(SMTP)
        if not connection or not connection.extra.get("alerts_to"):
            return False
        text = "\n".join(
            [*sentences, "How all budgets stand: plumbline budget. What they do: docs/budgets.md"]
        )
        return _mail(connection, f"Budgets of {tenant}: {sentences[-1]}", text)

    try:
        tell_events(tools.db, tenant, tell)
    except (
        PlumblineError,
        psycopg.Error,
    ):  # a step has done its work, or has failed by itself, whoever hears of this
        log.exception("nobody could be told of budgets")


def tell_of_question(dag_id: str, run_id: str, subject: str) -> None:
    """Say that a run waits for a person; without a mail server, Airflow's list of required actions alone says it."""
    text = (
        f"{subject} It waits for an answer: in Airflow, Required Actions.\n"
        f"Run: {run_id}\n"
        f"What it would buy stands there. What to do: docs/runbooks/{dag_id}.md"
    )
    log.warning("%s %s", dag_id, text.replace("\n", " "))
    connection = look_up(SMTP)
    if connection and connection.extra.get("alerts_to"):
        _mail(connection, f"{dag_id}: {subject}", text)


def alert(dag_id: str, task_id: str, run_id: str, reason: str) -> tuple[str, str]:
    """Return subject and text of an alert.  Pure."""
    text = (
        f"{reason}\n"
        f"Run: {run_id}\n"
        f"What to do: docs/runbooks/{dag_id}.md, in Airflow under plumbline/runbooks/{dag_id}"
    )
    return f"{dag_id} failed at {task_id}.", text


def reason_of(error: BaseException | str | None) -> str:
    """Return why, without the text of errors that are not ours.  Pure."""
    if isinstance(error, PlumblineError | AirflowFailException):
        return str(error)
    return f"{type(error).__name__}: see the log of the task." if error else "See the log of the task."


def _was_told(instance: Any) -> bool:
    """Whether another part of the same mapped task has failed before; without an answer, it is told again."""
    try:
        with tools_of_airflow() as tools, tools.db.transaction(Settings.load().tenant) as session:
            others = db.value(
                session,
                "lineage/count_other_failures",
                dag_id=instance.dag_id,
                dag_run_id=instance.run_id,
                task_id=instance.task_id,
                run_id=instance.id,
            )
    except PlumblineError:
        return False
    return bool(others)


def _mail(connection: Connection, subject: str, text: str) -> bool:
    """Send a mail; return whether the server took it."""
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    try:
        with SmtpHook(smtp_conn_id=SMTP) as hook:
            hook.send_email_smtp(
                to=connection.extra["alerts_to"],
                subject=subject,
                html_content=f"<pre>{html.escape(text)}</pre>",
            )
    except Exception:  # whatever the mail server does, the failure itself has been logged
        log.exception("the alert could not be mailed")
        return False
    return True
