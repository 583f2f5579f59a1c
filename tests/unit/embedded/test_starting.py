"""A component counts as up when it has shown life since it was started."""

from __future__ import annotations

from datetime import UTC, datetime

from plumbline.embedded.starting import unhealthy_components

SINCE = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def health(sign: str | None, status: str | None = "healthy") -> dict[str, object]:
    """Return what Airflow says of itself, the same for every component."""
    return {
        "metadatabase": {"status": "healthy"},
        "scheduler": {"status": status, "latest_scheduler_heartbeat": sign},
        "dag_processor": {"status": status, "latest_dag_processor_heartbeat": sign},
        "triggerer": {"status": status, "latest_triggerer_heartbeat": sign},
    }


def test_components_with_a_sign_of_life_are_up():
    """Nothing is waited for."""
    assert [] == unhealthy_components(health("2026-11-01T12:00:01Z"), SINCE, ["scheduler", "triggerer"])


def test_a_sign_of_life_from_before_the_start_does_not_count():
    """Airflow calls a component healthy for half a minute after its death."""
    assert ["scheduler"] == unhealthy_components(health("2026-11-01T11:59:59Z"), SINCE, ["scheduler"])


def test_components_that_never_showed_life_are_waited_for():
    """All three."""
    assert ["scheduler", "dag-processor", "triggerer"] == unhealthy_components(health(None, None), SINCE, [])


def test_a_database_that_airflow_cannot_reach_is_the_api_servers_fault():
    """It is the part that speaks to us."""
    ill = {**health("2026-11-01T12:00:01Z"), "metadatabase": {"status": "unhealthy"}}

    assert ["api-server"] == unhealthy_components(ill, SINCE, [])
