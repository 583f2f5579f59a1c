"""A whole knowledge base of real files, awkward ones included: each is stored or refused for the right reason."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

from plumbline.corpus.duplicates import AT_LEAST, find_duplicates
from plumbline.corpus.search import search

REFUSED = {
    "SHA256SUMS": "unsupported",
    "formats/p-libreoffice-writer-password.pdf": "encrypted",
    "formats/u-duplicate-paragraphs.doc": "unsupported",
    "formats/u-eml-empty.eml": "malformed",
    "formats/u-empty.xlsx": "empty",
    "formats/u-pdf-password.pdf": "encrypted",
    "link_queries.jsonl": "unsupported",
}


def test_all_of_it_is_accounted_for_and_the_second_time_costs_nothing(data_sets, ingest, rows, tools, run):
    """Nothing crashes, nothing is missing, every kind is searchable, and a citation can name the page."""
    folder = data_sets / "kb_docs"
    files = sum(path.is_file() for path in folder.rglob("*"))

    first = ingest(folder)

    refused = {row["path"]: row["code"] for row in rows("select path, code from corpus.refused_document")}
    assert REFUSED == refused
    assert (files, files - len(REFUSED)) == (first["found"], first["stored"])
    kinds = Counter(row["kind"] for row in rows("select kind from corpus.document"))
    expected = {"markdown": 407, "rst": 110, "docx": 17, "pdf": 17, "eml": 9, "html": 8, "pptx": 3, "xlsx": 2}
    assert {**expected, "csv": 1, "odt": 1, "rtf": 1} == dict(kinds)

    best = search(tools, run, "Stanley Cups of the Maple Leafs since 67").hits[0]
    assert ("formats/u-stanley-cups.xlsx", 1) == (best.path, best.page)
    best = search(tools, run, "cultural impact of word processors, and a glimpse into their future").hits[0]
    assert ("formats/d-multi_page.pdf", True) == (best.path, best.page > 1)

    second = ingest(folder)
    assert (files, files - len(REFUSED), 0, 0) == tuple(
        second[name] for name in ("found", "unchanged", "stored", "requests")
    )


def test_the_duplicates_in_it_are_those_that_all_pairs_would_give(data_sets, ingest, rows, tools, run):
    """The signatures lose nothing: 576 documents are few enough to compare each with each, by the definition."""
    ingest(data_sets / "kb_docs")
    done = find_duplicates(tools, run)

    texts = {row["path"]: row["text"] for row in rows("select path, text from corpus.document_version")}
    runs = {path: _runs(text) for path, text in texts.items() if text.isascii()}
    alike = {
        (one, other): len(runs[one] & runs[other]) / len(runs[one] | runs[other])
        for one, other in combinations(sorted(runs), 2)
        if 0.8 * max(len(runs[one]), len(runs[other])) <= min(len(runs[one]), len(runs[other]))
    }
    expected = {
        pair
        for pair, similarity in alike.items()
        if similarity >= AT_LEAST and texts[pair[0]] != texts[pair[1]]
    }
    found = {
        tuple(sorted((row["one"], row["other"])))
        for row in rows(
            "select one.path as one, other.path as other from corpus.duplicate_pair "
            "join corpus.document as one on one.document_id = first_document_id "
            "join corpus.document as other on other.document_id = second_document_id"
        )
    }
    assert expected == {pair for pair in found if set(pair) <= runs.keys()}
    identical = sum(count - 1 for count in Counter(texts.values()).values())
    assert identical == done["identical"] >= 2
    assert len(texts) == done["compared"]


def _runs(text):
    """The distinct runs of five words of an ASCII text."""
    words = "".join(character if character.isalnum() else " " for character in text.lower()).split()
    return {tuple(words[at : at + 5]) for at in range(max(1, len(words) - 4))}
