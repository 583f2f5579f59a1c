"""With indexes or without, with a filter or without, a search of many chunks finds what comparing them all finds."""

from __future__ import annotations

import psycopg
import pytest

CHUNKS = 12_000
"""Of which one in 101 is a text."""

# Words by the digits of a number, so that some are in half the chunks and some in a handful; vectors at random.
FILL = """
select setseed(0.5);
insert into corpus.source (source_id, tenant, name, kind, location, owner)
values ('00000000-0000-8000-8000-000000000001', 'main', 'many', 'folder', '/', 'data');
insert into corpus.document_version (
    version_id, tenant, document_id, source_id, path, source_sha256, text_sha256, language, pipeline, code_version,
    run_id
)
select id, 'main', id, '00000000-0000-8000-8000-000000000001', kind, '', '', 'en', '', '', id
from (
    values
        ('00000000-0000-8000-8000-000000000011'::uuid, 'markdown'),
        ('00000000-0000-8000-8000-000000000012'::uuid, 'text')
) as given (id, kind);
insert into corpus.document
    (document_id, tenant, source_id, path, version_id, source_sha256, pipeline, kind, language, bytes)
select document_id, 'main', source_id, path, version_id, '', '', path, 'en', 1 from corpus.document_version;
create temp table made on commit drop as
select
    number, gen_random_uuid() as chunk_id, number % 101 = 7 as is_text,
    format(
        'number%s tens%s half%s common same%s', number, number / 10 % 10, number % 2, repeat(' often', number % 5)
    ) as text,
    array[random() - 0.5, random() - 0.5, random() - 0.5, random() - 0.5,
          random() - 0.5, random() - 0.5, random() - 0.5, random() - 0.5]::halfvec(8) as embedding
from generate_series(1, CHUNKS) as number;
insert into corpus.chunk (
    chunk_id, tenant, document_id, version_id, ordinal, span_start, span_end, language, tokens, text, text_sha256,
    answer_key
)
select chunk_id, 'main', document_id, version_id, number, 0, 1, 'en', 1, text, '', ''
from made join corpus.document on kind = case when is_text then 'text' else 'markdown' end;
insert into corpus.chunk_terms (chunk_id, tenant, length, terms)
select chunk_id, 'main', array_length(string_to_array(text, ' '), 1), to_tsvector('simple', text) from made;
insert into corpus.embedding_1 (chunk_id, tenant, answer_key, embedding)
select chunk_id, 'main', '', embedding from made;
update corpus.vector_index set state = 'in_force';
"""
EXACT = """
select chunk_id
from corpus.chunk join corpus.document using (document_id) join corpus.embedding_1 as near using (chunk_id)
where %(kind)s::text is null or document.kind = %(kind)s
order by (near.embedding <=> %(vector)s::halfvec) + 0 limit 10
"""
SEARCH = """
select chunk_id, lexical, vector
from corpus.search_chunks('main', %(vector)s::halfvec, %(terms)s, %(wanted)s, of_kinds => %(kinds)s)
"""


@pytest.fixture(scope="module")
def many(scratch):
    """The name of a database with twelve thousand chunks."""
    name = scratch.new_database()
    with psycopg.connect(scratch.url(name, "keeper")) as session:
        session.execute("select set_config('plumbline.tenant', 'main', true)")
        session.execute("select corpus.open_tenant('main'), corpus.open_index('main', 'any', 8)")
    with psycopg.connect(scratch.url(name, "owner")) as session:
        for statement in filter(str.strip, FILL.split(";")):
            session.execute(statement.replace("CHUNKS", str(CHUNKS)))
        session.execute("analyze")
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


@pytest.fixture
def keeper(scratch, database):
    """A session of the keeper, set to the tenant."""
    with psycopg.connect(scratch.url(database, "keeper"), autocommit=True) as session:
        session.execute("select set_config('plumbline.tenant', 'main', false)")
        yield session


@pytest.fixture
def vectors(owner):
    """Some vectors to look for."""
    some = owner.execute(
        "select embedding::text as vector from corpus.embedding_1 order by chunk_id limit 20"
    )
    return [row["vector"] for row in some]


def ask(session, vector=None, terms=(), wanted=10, kind=None):
    """Search and return the rows."""
    given = {"vector": vector, "terms": list(terms), "wanted": wanted, "kinds": [kind] if kind else None}
    return session.execute(SEARCH, given).fetchall()


def recall(session, vectors, kind):
    """How many of the ten nearest are found."""
    shares = []
    for vector in vectors:
        nearest = {row["chunk_id"] for row in session.execute(EXACT, {"kind": kind, "vector": vector})}
        found = {row["chunk_id"] for row in ask(session, vector, kind=kind)}
        shares.append(len(nearest & found) / len(nearest))
    return sum(shares) / len(shares)


def test_indexes_are_built_once_and_change_no_answer(app, keeper):
    """An index is for speed alone."""
    asked = [["number700"], ["tens3", "number42"], ["tens3"], ["half1", "often", "missing"], ["common"]]
    before = [[row["lexical"] for row in ask(app, terms=terms)] for terms in asked]

    assert ["chunk_terms_1_words"] == keeper.execute("select corpus.build_search_indexes('main')").fetchone()[
        0
    ]
    assert [] == keeper.execute("select corpus.build_search_indexes('main')").fetchone()[0]

    after = [[row["lexical"] for row in ask(app, terms=terms)] for terms in asked]
    assert [pytest.approx(scores) for scores in before] == after


def test_few_vectors_are_compared_and_many_get_a_graph(app, keeper, owner, vectors):
    """A graph takes ten times as long to build as all the rest, so it has to be worth it."""
    assert 1.0 == recall(app, vectors, None)
    assert ["chunk_terms_1_words"] == keeper.execute("select corpus.build_search_indexes('main')").fetchone()[
        0
    ]

    owner.execute("update corpus.statistics set chunks = 60000")
    assert ["embedding_1_graph"] == keeper.execute("select corpus.build_search_indexes('main')").fetchone()[0]

    assert recall(app, vectors, None) >= 0.98
    options = owner.execute("select reloptions from pg_class where relname = 'embedding_1'").fetchone()
    assert "parallel" not in str(options["reloptions"])


@pytest.mark.parametrize(("kind", "least"), [("text", 1.0), ("markdown", 0.98)])
def test_a_filter_finds_the_nearest_that_pass_with_a_graph_and_without(
    app, keeper, owner, vectors, kind, least
):
    """A filter that leaves 1 % is compared one by one; one that leaves almost all asks the graph."""
    assert 1.0 == recall(app, vectors, kind)
    owner.execute("update corpus.statistics set chunks = 60000")
    keeper.execute("select corpus.build_search_indexes('main')")

    assert recall(app, vectors, kind) >= least
    assert all(10 == len(ask(app, vector, kind=kind)) for vector in vectors)


def test_words_under_a_filter_are_found_however_rare_they_are_beside_it(app, keeper):
    """The rare word leads to chunks that the filter refuses; the frequent ones must still be looked for."""
    keeper.execute("select corpus.build_search_indexes('main')")

    for kind in ("text", "markdown"):
        found = ask(app, terms=["number8", "common", "often"], kind=kind, wanted=100)
        assert 100 == len(found)
        assert found[0]["lexical"] > found[-1]["lexical"] > 0


def test_a_word_that_everybody_has_still_finds_the_best_first(app, keeper):
    """Such a word says little, but a search for it is not empty."""
    keeper.execute("select corpus.build_search_indexes('main')")

    found = ask(app, terms=["often"], wanted=5)

    assert 5 == len(found)
    ids = [row["chunk_id"] for row in found]
    texts = app.execute("select text from corpus.chunk where chunk_id = any(%s)", [ids]).fetchall()
    assert [4] * 5 == [row["text"].count("often") for row in texts]


def test_vectors_that_all_point_the_other_way_leave_the_order_to_the_words(app, owner):
    """A cosine below zero says no more than one of zero; divided by the best of them it would decide everything."""
    owner.execute("update corpus.embedding_1 set embedding = '[1,0,0,0,0,0,0,0]'")
    terms = ["number42", "tens3", "often"]

    found = ask(app, "[-1,0.1,0,0,0,0,0,0]", terms, wanted=50)

    assert sorted((row["lexical"] for row in found), reverse=True) == [row["lexical"] for row in found]
    assert found[0]["lexical"] > 0 > found[0]["vector"]


def test_new_rows_are_found_before_and_after_the_index_has_taken_them_in(app, keeper, owner):
    """They wait in a list of pending entries, which searches read as well."""
    keeper.execute("select corpus.build_search_indexes('main')")
    owner.execute(
        "update corpus.chunk_terms set terms = terms || 'zebra:1'::tsvector where terms @@ 'number42'"
    )

    assert 1 == len(ask(app, terms=["zebra"]))
    keeper.execute("select corpus.build_search_indexes('main')")
    assert 1 == len(ask(app, terms=["zebra"]))


def test_the_keeper_builds_for_the_tenant_of_its_transaction_only(keeper, owner):
    """As every function of the owner."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        keeper.execute("select corpus.build_search_indexes('other')")
