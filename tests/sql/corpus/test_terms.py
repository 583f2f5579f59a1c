"""The terms of a text arrive in Postgres as the tsvector that they are, and their statistics are always exact."""

from __future__ import annotations

import psycopg
import pytest

from plumbline.corpus.terms import MOST_OCCURRENCES, analyse, register

TEXTS = {
    "en": "It's a gateway; the gateways of max_connections, AB-1234 and \\slashes\\ cost 1,000.50 EUR, naïvely.",
    "zh": "我爱北京天安门 and PostgreSQL",
    "ar": "كِتَابٌ جديد في المدينة",
    "und": "gateway " * 300,
    "de": "",
}

RECOUNTED = """
select term, count(*)::integer as chunks
from (select unnest(tsvector_to_array(terms)) as term from corpus.chunk_terms) as occurrence
group by term order by term
"""


@pytest.mark.parametrize("language", TEXTS)
def test_the_binary_form_is_what_postgres_reads_and_prints(tools, language):
    """One position an occurrence, none for a single one: the search function reads the frequency back from it."""
    terms = analyse(TEXTS[language], language)
    with tools.db.transaction("main") as session:
        register(session)
        session.execute("create temp table given (terms tsvector) on commit drop")
        with session.cursor().copy("copy given from stdin (format binary)") as copy:
            copy.set_types(["tsvector"])
            copy.write_row([terms])
        found = session.execute(
            "select lexeme, positions from given, unnest(given.terms) order by lexeme"
        ).fetchall()
        written = session.execute(
            "select terms::text = terms::text::tsvector::text as same from given"
        ).fetchone()

    assert {term: min(count, MOST_OCCURRENCES) for term, count in terms.counts.items()} == {
        row["lexeme"]: len(row["positions"] or [1]) for row in found
    }
    several = [row["positions"] for row in found if row["positions"]]
    assert all(list(range(1, len(positions) + 1)) == positions for positions in several)
    assert written == {"same": True}


def _kept(rows):
    terms = rows("select term, chunks from corpus.term order by term")
    return terms, rows("select chunks, words from corpus.statistics")


def _recounted(rows):
    total = "select count(*) as chunks, coalesce(sum(length), 0) as words from corpus.chunk_terms"
    return rows(RECOUNTED), rows(total)


def test_kept_statistics_equal_recounted_ones_after_every_change(ingest, inbox, rows):
    """BM25 over counts that drifted would be wrong without a sign of it."""
    ingest()
    assert _recounted(rows) == _kept(rows)
    first = _kept(rows)

    (inbox / "hours.md").write_text("# Opening hours\n\nThe office opens at seven. Dogs are welcome.\n")
    (inbox / "prices.txt").unlink()
    (inbox / "new.md").write_text("# Cranes\n\nThe crane lifts twelve tonnes.\n")
    ingest()
    assert _recounted(rows) == _kept(rows) != first

    for left in ("handbook.md", "hours.md"):
        (inbox / left).unlink()
    ingest()
    assert _recounted(rows) == _kept(rows)


def test_statistics_follow_rows_whichever_way_they_go(ingest, tools, rows):
    """A cascade, an update and several rows at once count as much as a publication."""
    ingest()
    with tools.db.transaction("main") as session:
        two = "select chunk_id from corpus.chunk order by chunk_id limit 2"
        session.execute(f"delete from corpus.chunk where chunk_id in ({two})")
    assert _recounted(rows) == _kept(rows)
    with tools.db.transaction("main") as session:
        session.execute(
            "update corpus.chunk_terms set terms = terms || 'zebra:1'::tsvector, length = length + 1"
        )
    assert _recounted(rows) == _kept(rows)
    assert 1 == rows("select count(*) as n from corpus.term where term = 'zebra'")[0]["n"]
    with tools.db.transaction("main") as session:
        session.execute("delete from corpus.chunk_terms")
    assert ([], [{"chunks": 0, "words": 0}]) == _kept(rows)


def test_a_failed_change_leaves_the_statistics_alone(ingest, tools, rows):
    """They are part of the same transaction."""
    ingest()
    before = _kept(rows)
    fails = "with gone as (delete from corpus.chunk_terms returning length) select sum(length) / 0 from gone"
    with pytest.raises(psycopg.errors.DivisionByZero), tools.db.transaction("main") as session:
        session.execute(fails)

    assert before == _kept(rows)


def test_statistics_of_one_tenant_do_not_move_those_of_another(ingest, rows):
    """How rare a word is elsewhere is nobody's business."""
    ingest()
    before = _kept(rows)
    ingest(tenant="other")

    assert before == _kept(rows)
    assert rows("select chunks from corpus.statistics", tenant="other") == [
        {"chunks": before[1][0]["chunks"]}
    ]


@pytest.mark.parametrize("table", ["corpus.term", "corpus.statistics"])
@pytest.mark.parametrize("change", ["delete from {}", "update {} set chunks = 0"])
def test_nobody_but_the_tables_themselves_changes_the_statistics(ingest, tools, table, change):
    """The application may read them."""
    ingest()
    with pytest.raises(psycopg.errors.InsufficientPrivilege), tools.db.transaction("main") as session:
        session.execute(change.format(table))
