"""What our DAGs have in common: owners, tags, retries and who hears of a failure."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Any

from plumbline_airflow.alerts import tell_owner


class Owner(StrEnum):
    """Who answers for a DAG."""

    DATA = "data"


class Tag(StrEnum):
    """What a DAG is about, and how soon somebody has to look when it fails."""

    CORPUS = "corpus"
    UPKEEP = "upkeep"
    TIER_1 = "tier-1"  # people wait for it: look today
    TIER_2 = "tier-2"  # it catches up by itself: look this week


DEFAULT_ARGS: dict[str, Any] = {
    "owner": Owner.DATA,
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=10),
    "on_failure_callback": tell_owner,
}
