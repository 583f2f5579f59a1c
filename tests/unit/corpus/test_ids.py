from __future__ import annotations

from hashlib import sha256

from plumbline.corpus.chunking import chunk_ids, document_id


def digests(*texts: str) -> list[bytes]:
    """The sha256 of each text."""
    return [sha256(text.encode()).digest() for text in texts]


HOME = document_id("main", "inbox", "a.md")


def test_a_document_is_its_place():
    """The same place has the same id in every run; another tenant, source or path has another."""
    assert document_id("main", "inbox", "a.md") == HOME
    others = {
        document_id("other", "inbox", "a.md"),
        document_id("main", "web", "a.md"),
        document_id("main", "inbox", "b.md"),
    }
    assert len(others | {HOME}) == 4


def test_parts_of_a_place_do_not_run_together():
    """`a/b` in source `x` is not `b` in source `x/a`."""
    assert document_id("t", "ab", "c") != document_id("t", "a", "bc")


def test_an_edit_elsewhere_keeps_the_id_of_a_chunk():
    """What has not changed is found again, and not paid for again."""
    before = chunk_ids(HOME, digests("one", "two", "three"))
    after = chunk_ids(HOME, digests("zero", "one", "TWO", "three"))
    assert [before[0], before[2]] == [after[1], after[3]]
    assert before[1] not in after


def test_the_same_text_twice_has_two_ids():
    """A disclaimer that stands at the end of each section is as many rows, and their order does not matter."""
    ids = chunk_ids(HOME, digests("legal", "one", "legal"))
    assert len(set(ids)) == 3
    assert set(ids) == set(chunk_ids(HOME, digests("legal", "legal", "one")))


def test_the_same_text_in_another_document_is_another_chunk():
    """A chunk belongs to its document."""
    assert set(chunk_ids(HOME, digests("one"))).isdisjoint(
        chunk_ids(document_id("main", "inbox", "b.md"), digests("one"))
    )
