"""The DAG `maintain_partitions`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from plumbline.embedded.scratch import Scratch


def test_a_partition_that_is_missing_is_made(
    run_dag: Callable[..., Any], scratch: Scratch, database: str
) -> None:
    """The month that nobody prepared is prepared by the next run."""
    with psycopg.connect(scratch.url(database, "owner"), autocommit=True) as session:
        months = "select core.months_ahead()"
        [[last]] = session.execute(
            "select max(relid::text) from pg_partition_tree('ledger.call') where isleaf"
        ).fetchall()
        session.execute(f"drop table {last}")
        assert session.execute(months).fetchone() == (11,)

        done = run_dag("maintain_partitions")

        assert str(done.state) == "success"
        assert session.execute(months).fetchone() == (12,)
