"""
Who hears that a task failed for good, and how.

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

from airflow.sdk.exceptions import AirflowFailException

from plumbline.core import db
from plumbline.core.errors import PlumblineError
from plumbline.core.settings import Settings
from plumbline_airflow.connections import SMTP, look_up, tools_of_airflow

if TYPE_CHECKING:
    from airflow.sdk import Context

    from plumbline.core.connections import Connection

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


def _mail(connection: Connection, subject: str, text: str) -> None:
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
