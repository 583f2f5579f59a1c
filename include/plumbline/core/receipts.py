"""
What a step is told, and what it hands back.

A `Run` says on whose behalf and under which Airflow run a step works; it is a plain frozen value, so the domain needs
no Airflow context.  A receipt is what a step returns: ids and counts, small enough to read aloud, never the data.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

Receipt = dict[str, object]


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of one step.  `user`: the pseudonym of the person it works for, where it works for one."""

    tenant: str
    job: str
    run_id: uuid.UUID = field(default_factory=uuid.uuid4)
    project: str = "plumbline"
    team: str = "data"
    user: str | None = None
    code_version: str = "unknown"
    dag_id: str | None = None
    dag_run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    try_number: int = 1
    trace_id: str | None = None
