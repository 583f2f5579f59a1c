"""
What becomes of index versions after a publication: a worn graph is built anew, and what no search uses is dropped.

A graph (HNSW) takes new vectors well, and removed ones badly: a vacuum mends the neighbours of all that is gone, which
takes minutes where a small share of a large graph went.  So none is vacuumed.  Publications count what they remove;
when the dead entries are many, or have been there for long, the living vectors are copied to a fresh table, which gets
its graph and is put into force as another version of the same model, and the old table is dropped whole.  Nothing is
bought, and searches go on with the old one meanwhile (docs/decisions/0014).

A graph that is not in force is not renewed: when it is worn, it goes, and is built when its version is wanted.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from psycopg.errors import LockNotAvailable

from plumbline.core import db
from plumbline.core.receipts import Run
from plumbline.core.tools import Tools

log = logging.getLogger(__name__)

WORN_SHARE = 0.1
"""So large a share of dead entries, and a graph is built anew."""

WORN_LEAST = 1_000
"""Fewer dead entries are not worth it, whatever their share."""

WORN_AGE = timedelta(days=30)
"""Nor may what was removed stay in the pages of a graph any longer, however little it is."""


def renew_worn_graph(
    tools: Tools,
    run: Run,
    *,
    share: float = WORN_SHARE,
    least: int = WORN_LEAST,
    age: timedelta = WORN_AGE,
) -> int:
    """
    Build the graph of the index in force anew, if it is worn; return how many vectors were copied, 0 if it is not.

    In two transactions: a table with a foreign key closes corpus.chunk to writers of all tenants until it is
    committed, and copying takes long.  What dies between them is taken up by the next publication; a swap between
    them ends the renewal, and 0 is returned.
    """
    index_id = _unless_busy(tools, run, "corpus/open_renewal", share=share, least=least, age=age)
    if index_id is None:
        return 0
    with tools.keeper.transaction(run.tenant) as session:
        db.run(session, "corpus/lock_tenant", tenant=run.tenant)
        copied = int(db.value(session, "corpus/renew_index", tenant=run.tenant, index_id=index_id))
    if copied:
        log.info("the graph of %d vectors was built anew, as index %d", copied, index_id)
    return copied


def drop_worn_graphs(
    tools: Tools,
    run: Run,
    *,
    share: float = WORN_SHARE,
    least: int = WORN_LEAST,
    age: timedelta = WORN_AGE,
) -> int:
    """
    Drop the worn graphs of versions in the making, or kept to be brought back; return how many.

    Nobody may ever come back to such a version, and what was removed would stay in the pages of its graph for good.
    The graph is built again when the version is worked on or swapped.
    """
    return _unless_busy(tools, run, "corpus/drop_worn_graphs", share=share, least=least, age=age) or 0


def drop_retired_indexes(tools: Tools, run: Run) -> int:
    """
    Drop what no search uses; return how many.

    Apart from the building, and not for long: the foreign key of such a table makes dropping it close corpus.chunk to
    everybody for a moment.
    """
    return _unless_busy(tools, run, "corpus/drop_retired_indexes") or 0


def _unless_busy(tools: Tools, run: Run, name: str, /, **given: object) -> int | None:
    """Run a statement that closes tables for a moment; where they are in use, the next publication does it."""
    try:
        with tools.keeper.transaction(run.tenant) as session:
            db.run(session, "corpus/lock_tenant", tenant=run.tenant)
            session.execute("set local lock_timeout = '5s'")
            found: int | None = db.value(session, name, tenant=run.tenant, **given)
            return found
    except LockNotAvailable:
        log.info("%s is left for the next publication: the tables are busy", name)
        return None
