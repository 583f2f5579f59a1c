"""Whoever runs a knowledge base learns what is in it twice, or nearly; and nothing is touched for that."""

from __future__ import annotations

import dataclasses
import itertools
import random
import uuid

import psycopg
import pytest

from plumbline.corpus import duplicates as module
from plumbline.corpus.duplicate_groups import NoSimilarity, duplicates
from plumbline.corpus.duplicates import MOST_COMPARED, find_duplicates
from plumbline.corpus.ingesting import forget
from plumbline.corpus.sources import known_source

WORDS = [f"word{number}" for number in range(5_000)]
TABLES = ("document_signature", "signature_band", "duplicate_pair")


def text_of(count, seed):
    """A text of so many words."""
    return " ".join(random.Random(seed).choices(WORDS, k=count))  # noqa: S311 - the same text every time


def edited(text, edits, name="edited"):
    """The text with so many words replaced, far apart: each takes five of its shingles, and brings five others."""
    words = text.split()
    for place in range(edits):
        words[5 + place * (len(words) - 10) // max(1, edits)] = f"{name}{place}"
    return " ".join(words)


@pytest.fixture
def compared(ingest, tools, run, tmp_path):
    """Put texts into a folder, ingest it, and compare; a text that is None is removed."""

    def put(source="main", **texts):
        folder = tmp_path / source
        folder.mkdir(exist_ok=True)
        for name, text in texts.items():
            (folder / f"{name}.txt").unlink(missing_ok=True)
            if text is not None:
                (folder / f"{name}.txt").write_text(text + "\n")
        ingest(folder)
        return find_duplicates(tools, run)

    return put


@pytest.fixture
def groups(tools, run):
    """The groups: of each its documents, with what each is like and how much."""

    def ask(**inputs):
        return [
            {row["path"].removesuffix(".txt"): row["similarity"] for row in group}
            for group in duplicates(tools, run, **inputs).groups
        ]

    return ask


def test_what_is_nearly_the_same_is_found_at_its_true_similarity_and_no_less(compared, groups):
    """1,004 words have 1,000 shingles; each edit changes five, so n edits leave (1000 - 5n) / (1000 + 5n)."""
    base = text_of(1_004, seed=1)
    texts = {f"with{edits:02}": edited(base, edits, name=f"e{edits}x") for edits in (2, 22, 23)}

    compared(base=base, other=text_of(900, seed=2), **texts)

    # 22 edits are 890 / 1110 = 0.8018, 23 are 885 / 1115 = 0.7937: below the threshold.
    assert [{"base": None, "with02": 990 / 1010, "with22": 890 / 1110}] == groups()
    assert [{"base": None, "with02": 990 / 1010}] == groups(at_least=0.9)
    assert [] == groups(at_least=1)


def test_identical_documents_are_found_across_sources_and_one_is_compared_for_all(compared, groups, rows):
    """A policy in two folders; and what is like one of them is like both."""
    policy = text_of(500, seed=3)
    compared(policy=policy)
    done = compared("copies", policy=policy, again=policy, newer=edited(policy, 4))

    assert (3, 2, 1) == (done["compared"], done["identical"], done["pairs"])
    [found] = groups()
    assert {"policy", "again", "newer"} == set(found)
    assert [{"count": 2}] == rows("select count(distinct document_id) from corpus.signature_band")


def test_a_second_run_compares_nothing_and_an_edit_that_document_only(compared, groups, tools, run):
    """All pairs are never worked out."""
    base = text_of(400, seed=4)
    texts = {f"other{number}": text_of(300, seed=10 + number) for number in range(5)}
    assert 7 == compared(base=base, version=edited(base, 2), **texts)["compared"]
    before = groups()

    assert 0 == find_duplicates(tools, run)["compared"]
    assert before == groups()
    assert 1 == compared(version=edited(base, 8, name="more"))["compared"]
    assert before != groups()
    assert 2 == len(groups()[0])


def test_what_was_said_goes_with_the_version_that_said_it(compared, rows, tools, ingest, tmp_path):
    """In the transaction of the publication, not when somebody next compares."""
    base = text_of(400, seed=5)
    compared(base=base, version=edited(base, 2))
    before = rows("select band from corpus.signature_band")
    (tmp_path / "main" / "base.txt").write_text(text_of(300, seed=6))

    ingest(tmp_path / "main")

    assert [{"path": "version.txt"}] == rows(
        "select path from corpus.document_signature join corpus.document using (document_id)"
    )
    assert [] == rows("select * from corpus.duplicate_pair")
    assert 20 == len(rows("select band from corpus.signature_band")) < len(before) == 40


def test_a_copy_takes_the_place_of_the_one_that_is_gone(compared, groups):
    """Whichever of them stood for the others."""
    base = text_of(400, seed=7)
    compared(one=base, two=base, three=base, near=edited(base, 2))
    for gone, left in (("one", {"two", "three", "near"}), ("three", {"two", "near"})):
        compared(**{gone: None})

        assert [left] == [set(group) for group in groups()]


def test_nothing_is_left_of_a_source_that_is_forgotten(compared, run, tools, tmp_path, rows):
    """Signatures and pairs go with the documents."""
    base = text_of(400, seed=8)
    compared(one=base, two=base, near=edited(base, 2))

    forgetting = dataclasses.replace(run, dag_run_id="test__forget")
    forget(tools, forgetting, source=known_source(tools, run, str(tmp_path / "main")).name)

    assert [] == [table for table in TABLES if rows(f"select * from corpus.{table}")]


def test_a_run_that_is_stopped_goes_on_where_it_was(
    compared, groups, tools, run, ingest, tmp_path, monkeypatch
):
    """What was compared stays so; a page is written whole or not at all."""
    folder = tmp_path / "many"
    folder.mkdir()
    base = text_of(400, seed=9)
    for number in range(9):
        (folder / f"{number}.txt").write_text(edited(base, number, name=f"e{number}x"))
    ingest(folder)
    monkeypatch.setattr(module, "_PAGE", 2)
    wrote, calls = module._pairs, itertools.count()

    def stopped(*inputs):
        if next(calls) == 2:
            raise KeyboardInterrupt
        return wrote(*inputs)

    monkeypatch.setattr(module, "_pairs", stopped)
    with pytest.raises(KeyboardInterrupt):
        find_duplicates(tools, run)
    assert 5 == duplicates(tools, run).uncompared

    assert 5 == find_duplicates(tools, run)["compared"]
    assert [9] == [len(group) for group in groups()]


def test_pages_of_one_template_are_one_group_and_few_pairs(compared, groups, rows, monkeypatch):
    """Each is compared with some, never with all."""
    monkeypatch.setattr(module, "MOST_A_BAND", 4)
    monkeypatch.setattr(module, "MOST_COMPARED", 3)
    base = text_of(300, seed=10)

    compared(**{f"page{number:02}": edited(base, 1, name=f"n{number}x") for number in range(60)})

    [group] = groups()
    assert 60 == len(group)
    assert len(rows("select * from corpus.duplicate_pair")) <= 3 * 60 < 60 * 59 / 2
    assert MOST_COMPARED == 16


def test_documents_without_a_word_are_compared_and_like_nothing(compared, groups):
    """Their texts may be equal, and then they are identical."""
    compared(one="— … —", two="— … —", three="… …")

    assert [{"one", "two"}] == [set(group) for group in groups()]


def test_a_new_way_to_make_signatures_makes_all_anew(compared, groups, tools, run, monkeypatch):
    """Signatures made in two ways do not find each other."""
    base = text_of(400, seed=12)
    compared(one=base, two=edited(base, 2))
    before = groups()
    monkeypatch.setattr("plumbline.corpus.similarity.METHOD", 2)

    assert 2 == find_duplicates(tools, run)["compared"]
    assert before == groups()


def test_a_group_is_shown_for_any_source_that_has_a_part_in_it(compared, groups, tools, run, tmp_path):
    """Who asks about one folder wants to know where else its documents are."""
    base = text_of(400, seed=13)
    compared("first", one=base)
    compared("second", two=edited(base, 2))
    compared("third", three=text_of(300, seed=14))

    names = [known_source(tools, run, str(tmp_path / name)).name for name in ("first", "second", "third")]

    assert [1, 1, 0] == [len(groups(source=name)) for name in names]
    assert {"one", "two"} == set(groups(source=names[1])[0])


def test_a_similarity_that_is_not_kept_cannot_be_asked_for(tools, run):
    """An empty answer would be taken for the truth."""
    for share in (0.5, 1.1, float("nan")):
        with pytest.raises(NoSimilarity, match=r"ask for 0\.8 to 1"):
            duplicates(tools, run, at_least=share)


def test_tenants_are_never_compared(ingest, tools, run, inbox, scratch, database):
    """Not even the very same file; and no tenant can write a row of another."""
    other = dataclasses.replace(run, tenant="other")
    ingest()
    ingest(tenant="other")

    assert [(3, 0), (3, 0)] == [
        (done["compared"], done["identical"] + done["pairs"])
        for done in (find_duplicates(tools, one) for one in (run, other))
    ]
    assert [] == duplicates(tools, run).groups
    with tools.db.transaction("other") as session:
        mine = session.execute("select document_id from corpus.document_signature").fetchall()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(
                "insert into corpus.signature_band (tenant, band, document_id) values ('main', 1, %s)",
                [mine[0]["document_id"]],
            )
    with psycopg.connect(scratch.url(database, "app")) as nobody:
        for table in TABLES:
            assert (0,) == nobody.execute(f"select count(*) from corpus.{table}").fetchone()


def test_nothing_that_is_searched_changes(compared, rows):
    """Found and reported; the rest is for people."""
    base = text_of(400, seed=15)
    compared(one=base, two=base)
    published = "select document_id, version_id, published_at from corpus.document order by 1"
    before = rows(published)

    compared()

    assert before == rows(published)
    assert 2 == len(before)
    assert all(isinstance(row["document_id"], uuid.UUID) for row in before)
