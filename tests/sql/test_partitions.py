"""Partitions are made ahead of time, and nobody waits for it."""

from __future__ import annotations

import psycopg

from plumbline.core.tools import Tools
from plumbline.embedded.scratch import Scratch


def test_a_month_is_added_while_others_read_and_write(scratch: Scratch, database: str, tools: Tools) -> None:
    """A long publication holds its locks on the ledger for minutes; the keeper does not queue behind it."""
    with (
        psycopg.connect(scratch.url(database, "app")) as busy,
        psycopg.connect(scratch.url(database, "keeper"), autocommit=True) as keeper,
    ):
        busy.execute("select set_config('plumbline.tenant', 'main', true)")
        busy.execute("select count(*) from ledger.call")
        busy.execute(
            "insert into lineage.edge (tenant, run_id, cause_kind, cause_id, effect_kind, effect_id, code_version) "
            "values ('main', gen_random_uuid(), 'chunk', gen_random_uuid(), 'vector', gen_random_uuid(), 'test')"
        )
        keeper.execute("set lock_timeout = '5s'")
        before = keeper.execute("select core.months_ahead()").fetchone()
        assert before

        made = keeper.execute("select core.ensure_partitions(%s)", [before[0] + 1]).fetchone()
        after = keeper.execute("select core.months_ahead()").fetchone()

    assert (2,) == made  # one for the calls, one for the edges
    assert (before[0] + 1,) == after
