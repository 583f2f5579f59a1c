"""
A domain function becomes an Airflow task.

The one adapter through which all work passes, so that no task can forget what an auditor asks for: every step leaves a
row in `lineage.run` with its DAG run, task, map index, try and code version, and its receipt is its XCom.  `Fatal`
errors end the task at once; those that say when to come back (`Later`) have Airflow start the same try again then, and
hold no worker until it does; all others are retried.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowRescheduleException

from plumbline.core.clock import now
from plumbline.core.errors import Fatal, Later
from plumbline.core.receipts import Receipt, Run
from plumbline.core.settings import Settings
from plumbline.provenance.recording import recorded
from plumbline_airflow.alerts import tell_of_budgets
from plumbline_airflow.connections import tools_of_airflow

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.bases.decorator import Task

log = logging.getLogger(__name__)

Work = Callable[..., Receipt]

LONGEST_WAIT = timedelta(days=1)
"""How long a try may give its worker back again and again: then somebody has to hear of it."""


def step(
    work: Work,
    /,
    *,
    maps: str | None = None,
    tells: tuple[str, ...] = (),
    of_tenant: bool = False,
    delivers: bool = False,
    **options: Any,
) -> Task[..., Any]:
    """
    Return the task that does `work(tools, run, *, inputs…)`.

    It bears the name and the docstring of the function and takes its inputs, as `given` reads them.

    Args:
        work: A domain function.
        maps: The entry of the receipt that later tasks are mapped over.  Airflow maps over a task's own value only, so
            this entry becomes the value, and every other one an XCom under its own name: `scan["ingestion_id"]`.
        tells: Further inputs, which are not for `work`: with its receipt they go to those who wait for the Assets that
            the task publishes, as the `extra` of the event.
        of_tenant: Whether the task has an input more, `tenant`, for whom it works; otherwise the parameter of the DAG
            says so, and where it has none, the settings do.
        delivers: Whether the task hands something to people, and may turn pseudonyms back; no other task can.
        options: Options of the Airflow task.
    """
    name = getattr(work, "__name__", "work")

    def perform(**inputs: Any) -> Any:
        context = get_current_context()
        told = {key: inputs.pop(key) for key in tells}
        tenant = inputs.pop("tenant") if of_tenant else None
        receipt = perform_work(work, name, context, inputs, tenant, delivers=delivers)
        for asset in options.get("outlets", ()):
            context["outlet_events"][asset].extra = {**receipt, **told}
        if maps is None:
            return receipt
        for key, value in receipt.items():
            if key != maps:
                context["ti"].xcom_push(key=key, value=value)
        return receipt[maps]

    # Airflow gives a task whatever its signature asks for.  Show it the inputs of `work` and nothing else, or
    # **inputs would receive the whole task context.
    inputs = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in list(inspect.signature(work).parameters.values())[2:]
    ]
    more = (*tells, "tenant") if of_tenant else tells
    inputs += [inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY) for key in more]
    perform.__signature__ = inspect.Signature(inputs)  # type: ignore[attr-defined]
    perform.__name__ = perform.__qualname__ = name
    return task(task_id=name, doc_md=inspect.getdoc(work), **options)(perform)


def perform_work(
    work: Work,
    name: str,
    context: Context,
    inputs: dict[str, Any],
    tenant: str | None = None,
    *,
    delivers: bool = False,
) -> Receipt:
    """Do the work on record; a `Fatal` error is not retried, one that says when to come back uses up no try."""
    settings = Settings.load()
    waits = (Later,) if may_wait(context["ti"].get_first_reschedule_date(context), now()) else ()
    try:
        run = run_of(context, f"{context['dag'].dag_id}.{name}", settings, tenant)
        with tools_of_airflow(delivers=delivers) as tools:
            try:
                with recorded(tools.db, run, comes_again=waits) as receipt:
                    receipt.update(work(tools, run, **given(work, inputs)))
                return receipt
            finally:
                tell_of_budgets(tools, run.tenant)
    except Fatal as error:
        raise AirflowFailException(str(error)) from error
    except waits as error:
        log.warning("%s The task waits without a worker.", error)
        raise AirflowRescheduleException(
            now() + min(timedelta(seconds=error.seconds), LONGEST_WAIT)
        ) from error


def may_wait(since: datetime | None, at: datetime) -> bool:
    """Whether a try that first gave its worker back at `since` may do so again: for a day, then it fails.  Pure."""
    return since is None or at - since < LONGEST_WAIT


def given(work: Work, inputs: dict[str, Any]) -> dict[str, Any]:
    """
    Return the inputs as the function means them.  Pure.

    Airflow renders a parameter of the DAG to text: one that nobody filled in to the empty text, which counts as not
    given, a switch to `True` or `False`, both of which Python would take for true, and a number to its digits.

    Raises:
        Fatal: A switch (an input whose default is True or False) says neither, or a number (whose default is one) is
            none.
    """
    parameters = inspect.signature(work).parameters
    return {key: _meant(key, value, parameters[key].default) for key, value in inputs.items() if value != ""}


def _meant(name: str, value: object, default: object) -> object:
    if isinstance(default, bool):
        return _switch(name, value)
    if isinstance(default, int):
        try:
            return int(str(value))
        except ValueError:
            raise Fatal(f"{name} must be a whole number.") from None
    return value


def _switch(name: str, value: object) -> bool:
    says = {"true": True, "false": False}.get(str(value).lower())
    if says is None:
        raise Fatal(f"{name} must be true or false.")
    return says


def run_of(context: Context, job: str, settings: Settings, tenant: str | None = None) -> Run:
    """
    Return who is working: the id is Airflow's own for this try, so its pages and our tables name the same thing.

    Raises:
        Fatal: The tenant is not open to DAGs.
    """
    instance = context["ti"]
    return Run(
        tenant=_open_tenant(settings, tenant or (context.get("params") or {}).get("tenant")),
        job=job,
        run_id=instance.id,
        project=settings.project,
        team=settings.team,
        code_version=settings.code_version,
        dag_id=instance.dag_id,
        dag_run_id=instance.run_id,
        task_id=instance.task_id,
        map_index=None if instance.map_index is None or instance.map_index < 0 else instance.map_index,
        try_number=instance.try_number,
    )


def _open_tenant(settings: Settings, named: object) -> str:
    """Whoever may start a DAG is not thereby somebody who may work for every tenant."""
    tenant = str(named or settings.tenant)
    if tenant not in settings.tenants:
        raise Fatal(f"The tenant {tenant} is not open to DAGs: PLUMBLINE_TENANTS lists those that are.")
    return tenant
