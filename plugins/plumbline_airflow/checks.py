"""A suite of data checks becomes an Airflow task that stops what comes after it."""

from __future__ import annotations

from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from plumbline_airflow.steps import step

if TYPE_CHECKING:
    from airflow.sdk import XComArg

    from plumbline.core.receipts import Receipt, Run
    from plumbline.core.tools import Tools


def check(suite: str, /, **subject: Any) -> XComArg:
    """
    Return a task that holds the tables to a suite; it fails, and is not retried, when a blocking check fails.

    Args:
        suite: Path below `include/expectations`: `corpus/candidate`.
        subject: What is checked, such as `ingestion_id=scan["ingestion_id"]`.
    """

    def work(tools: Tools, run: Run, **subject: Any) -> Receipt:
        # Great Expectations takes seconds to import: in this task, once a run, and in no other process.
        from plumbline.provenance.expectations import run_suite

        return run_suite(tools, run, suite=suite, **subject)

    work.__name__ = "check_" + suite.replace("/", "_")
    work.__doc__ = f"Hold the tables to the suite `include/expectations/{suite}.yaml`."
    parameters = [Parameter(name, Parameter.KEYWORD_ONLY) for name in ("tools", "run", *subject)]
    work.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return step(work)(**subject)
