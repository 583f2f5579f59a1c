"""A graph is never vacuumed: when too much of it is dead, it is built anew beside, and the old table goes whole."""

from __future__ import annotations

import threading
from datetime import timedelta

import psycopg
import pytest
from psycopg.rows import dict_row
from tests.sql.corpus.test_search_indexes import CHUNKS, FILL, ask, recall

from plumbline.core.receipts import Run
from plumbline.corpus import renewing
from plumbline.corpus.indexing import build_graph
from plumbline.corpus.publishing import build_search_indexes
from plumbline.corpus.renewing import drop_retired_indexes, renew_worn_graph

RUN = Run(tenant="main", job="test.renewing")
REMOVE = """
with gone as (
    delete from corpus.chunk where ordinal % 5 = 0 returning 1
)
update corpus.vector_index set removed = removed + (select count(*) from gone), removed_since = now()
where state = 'in_force'
"""
BESIDE = """
select corpus.open_index('main', 'other', 8);
insert into corpus.embedding_2 select * from corpus.embedding_1;
select corpus.build_graph('main', 2)
"""
GRAPHS = """
select
    index_id, graph_rows is not null as counted,
    to_regclass('corpus.' || table_name || '_graph') is not null as there,
    coalesce('vacuum_index_cleanup=off' = any(reloptions), false) as spared, removed
from corpus.vector_index join pg_class on pg_class.oid = to_regclass('corpus.' || table_name) order by index_id
"""


@pytest.fixture(scope="module")
def many(scratch):
    """The name of a database with twelve thousand chunks and a graph over their vectors."""
    name = scratch.new_database()
    with psycopg.connect(scratch.url(name, "keeper")) as session:
        session.execute("select set_config('plumbline.tenant', 'main', true)")
        session.execute("select corpus.open_tenant('main'), corpus.open_index('main', 'any', 8)")
    with psycopg.connect(scratch.url(name, "owner")) as session:
        for statement in filter(str.strip, FILL.split(";")):
            session.execute(statement.replace("CHUNKS", str(CHUNKS)))
        session.execute("update corpus.statistics set chunks = 60000")
        session.execute("analyze")
    with psycopg.connect(scratch.url(name, "keeper")) as session:
        session.execute("select set_config('plumbline.tenant', 'main', true)")
        session.execute("select corpus.build_search_indexes('main')")
    yield name
    scratch.drop_database(name)


@pytest.fixture
def database(scratch, many):
    """A copy of it, of this test's own."""
    name = f"{many}_copy"
    with psycopg.connect(scratch.server.admin_url(), autocommit=True) as session:
        session.execute(f"create database {name} template {many}")
    yield name
    scratch.drop_database(name)


def in_force(owner):
    """The version that searches use."""
    return owner.execute("select * from corpus.vector_index where state = 'in_force'").fetchone()


def some(owner):
    """Some vectors to look for."""
    table = in_force(owner)["table_name"]
    found = owner.execute(f"select embedding::text as vector from corpus.{table} order by chunk_id limit 20")
    return [row["vector"] for row in found]


def recall_of(app, owner):
    """How many of the ten nearest are found; the comparison reads the table that is in force."""
    table = in_force(owner)["table_name"]
    exact = (
        "select chunk_id from corpus.chunk join corpus.document using (document_id) "
        f"join corpus.{table} as near using (chunk_id) order by (near.embedding <=> %s::halfvec) + 0 limit 10"
    )
    shares = []
    for vector in some(owner):
        nearest = {row["chunk_id"] for row in app.execute(exact, [vector])}
        shares.append(len(nearest & {row["chunk_id"] for row in ask(app, vector)}) / 10)
    return sum(shares) / len(shares)


def test_a_graph_is_counted_and_kept_from_index_cleanup(owner):
    """Nothing vacuums it through mass deletes behind our back."""
    assert CHUNKS == in_force(owner)["graph_rows"]
    options = owner.execute("select reloptions from pg_class where relname = 'embedding_1'").fetchone()
    assert "vacuum_index_cleanup=off" in options["reloptions"]


def test_a_vacuum_leaves_the_graph_alone_and_searches_whole(scratch, database, owner, app):
    """The dead entries stay until it is built anew, and no search shows them."""
    owner.execute(REMOVE)
    size = "select pg_relation_size('corpus.embedding_1_graph') as bytes"
    before = owner.execute(size).fetchone()
    with psycopg.connect(scratch.server.admin_url(database), autocommit=True) as admin:
        said = []
        admin.add_notice_handler(
            lambda notice: said.append(notice.message_primary + (notice.message_detail or ""))
        )
        admin.execute("vacuum (verbose) corpus.embedding_1")

    assert before == owner.execute(size).fetchone()
    assert any("index scan bypassed" in text for text in said), said
    assert not any('index "embedding_1_graph"' in text for text in said)
    assert recall_of(app, owner) >= 0.98


def test_after_a_mass_removal_the_graph_is_built_anew_and_the_dead_table_is_gone(tools, owner, app):
    """Copied, not bought; the relation itself is gone, so that nobody had to vacuum it."""
    owner.execute(REMOVE)

    copied = renew_worn_graph(tools, RUN)

    assert CHUNKS * 4 // 5 == copied
    assert (2, copied, 0) == tuple(in_force(owner)[name] for name in ("index_id", "graph_rows", "removed"))
    assert recall_of(app, owner) >= 0.98
    assert all(10 == len(ask(app, vector)) for vector in some(owner))
    assert 1 == drop_retired_indexes(tools, RUN)
    assert [{"gone": True}] == owner.execute(
        "select to_regclass('corpus.embedding_1') is null as gone"
    ).fetchall()
    assert 0 == renew_worn_graph(tools, RUN)


def test_a_few_removals_leave_the_graph_as_it_is_until_they_are_old(tools, owner):
    """Building costs more than they do; but what was removed does not stay for ever."""
    owner.execute("update corpus.vector_index set removed = 990, removed_since = now()")

    assert 0 == renew_worn_graph(tools, RUN)
    assert 0 == renew_worn_graph(tools, RUN, share=0.08)
    assert CHUNKS == renew_worn_graph(tools, RUN, age=timedelta(0))


@pytest.mark.parametrize(
    "state", ["state = 'building'", "state = 'retired', kept_until = now() + interval '1 day'"]
)
def test_a_worn_graph_beside_the_one_in_force_goes_and_its_vectors_stay(tools, owner, state):
    """Nobody renews it: erased vectors would stay in its pages for good.  It is built again when it is wanted."""
    _build_beside(owner)
    owner.execute(f"update corpus.vector_index set {state} where index_id = 2")
    count = "update corpus.vector_index set removed = 1, removed_since = now() - interval '%s days' where index_id = 2"
    owner.execute(count % 29)
    assert 0 == build_search_indexes(tools, RUN, ingestion_id="any")["graphs_dropped"]
    owner.execute(count % 31)

    assert 1 == build_search_indexes(tools, RUN, ingestion_id="any")["graphs_dropped"]

    first, second = owner.execute(GRAPHS).fetchall()
    assert (True, True, True) == tuple(first[name] for name in ("counted", "there", "spared"))
    assert (False, False, False, 0) == tuple(
        second[name] for name in ("counted", "there", "spared", "removed")
    )
    assert [{"n": CHUNKS}] == owner.execute("select count(*) as n from corpus.embedding_2").fetchall()
    assert build_graph(tools, RUN, 2)


def test_a_graph_beside_the_one_in_force_that_is_in_use_is_left_for_the_next_publication(
    scratch, database, tools, owner
):
    """Dropping it waits for whoever reads it, and everybody would wait behind."""
    _build_beside(owner)
    owner.execute("update corpus.vector_index set removed = 2000, removed_since = now() where index_id = 2")
    with psycopg.connect(scratch.url(database, "app")) as reading:
        reading.execute("select set_config('plumbline.tenant', 'main', true)")
        reading.execute("select from corpus.embedding_2 limit 1")

        assert 0 == renewing.drop_worn_graphs(tools, RUN)

    assert 1 == renewing.drop_worn_graphs(tools, RUN)


def test_a_share_counts_only_above_the_least(tools, owner):
    """Both must be passed."""
    owner.execute("update corpus.vector_index set removed = 990, removed_since = now()")

    assert 0 == renew_worn_graph(tools, RUN, share=0.08, least=1_000)
    assert CHUNKS == renew_worn_graph(tools, RUN, share=0.08, least=100)


def test_searches_beside_it_never_fail_and_never_find_less(scratch, database, tools, owner):
    """They read the old table until the new one is in force, and may meet either on the way."""
    owner.execute(REMOVE)
    vectors = some(owner)
    done, found, failed = threading.Event(), [], []

    def keep_searching():
        with psycopg.connect(scratch.url(database, "app"), autocommit=True, row_factory=dict_row) as session:
            session.execute("select set_config('plumbline.tenant', 'main', false)")
            while not done.is_set() or not found:
                for vector in vectors:
                    try:
                        found.append(len(ask(session, vector)))
                    except psycopg.errors.UndefinedTable:
                        # `plumbline.corpus.search` makes the question ready anew, and so does this.
                        found.append(len(ask(session, vector)))
                    except psycopg.Error as error:
                        failed.append(error)

    searching = threading.Thread(target=keep_searching)
    searching.start()
    try:
        renew_worn_graph(tools, RUN)
        drop_retired_indexes(tools, RUN)
    finally:
        done.set()
        searching.join(60)

    assert [] == failed
    assert {10} == set(found)
    assert 2 == in_force(owner)["index_id"]


def test_a_renewal_that_died_between_its_two_transactions_is_taken_up_again(tools, owner, monkeypatch):
    """The fresh table is there and empty; searches use the old one."""
    owner.execute(REMOVE)
    real = renewing.db.value

    def die(session, name, /, **given):
        if name == "corpus/renew_index":
            raise KeyboardInterrupt
        return real(session, name, **given)

    with monkeypatch.context() as patched:
        patched.setattr(renewing.db, "value", die)
        with pytest.raises(KeyboardInterrupt):
            renew_worn_graph(tools, RUN)
    assert 1 == in_force(owner)["index_id"]

    assert CHUNKS * 4 // 5 == renew_worn_graph(tools, RUN)
    assert [1, 2] == [
        row["index_id"] for row in owner.execute("select index_id from corpus.vector_index order by 1")
    ]


def test_an_ingestion_under_way_goes_on_after_a_renewal(tools, owner):
    """The model is the same; what it has prepared fits the new table."""
    owner.execute(
        "insert into corpus.ingestion (ingestion_id, tenant, source_id, index_id, run_id, state, pipeline, found) "
        "select gen_random_uuid(), 'main', source_id, 1, gen_random_uuid(), 'scanned', '', 0 from corpus.source"
    )
    owner.execute(REMOVE)

    renew_worn_graph(tools, RUN)

    assert [{"index_id": 2, "state": "scanned"}] == owner.execute(
        "select index_id, state from corpus.ingestion"
    ).fetchall()


def _build_beside(owner):
    """An index of another model, with a graph, which is number 2."""
    for statement in BESIDE.split(";"):
        owner.execute(statement)


def test_the_recall_of_the_fixture_can_be_measured(app, owner):
    """The comparison above can fail: the other test file measures the same table the same way."""
    assert recall(app, some(owner), None) == recall_of(app, owner)
