"""Whatever somebody puts into an inbox, the rest of it is ingested, now and the next time."""

from __future__ import annotations

import os
import secrets
import unicodedata

import pytest

from plumbline.corpus.scanning import scan_source

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "café.md") for form in ("NFC", "NFD"))

LOOK_ALIKES = {
    "two normal forms": (COMPOSED.encode(), DECOMPOSED.encode(), 1),
    "a line end and its escape": (b"a\nb.md", b"a\\nb.md", 1),
    "a byte and its escape": (b"caf\xe9.md", b"caf\\xe9.md", 1),
    "two names that are not UTF-8": (b"caf\xe9.md", b"caf\xe8.md", 0),
    "a byte and a letter": (b"\xe9\n.md", "é\n.md".encode(), 0),
}

ODD_DOCUMENTS = {
    "hexadecimal.md": "---\nk: 0x" + "f" * 5000 + "\n---\n",
    "toml.md": "+++\nk = 0x" + "f" * 5000 + "\n+++\n",
    "sixty.md": "---\nk: 1" + ":59" * 3000 + "\n---\n",
    "fraction.md": "---\nk: 1" + ":59" * 3000 + ".0\n---\n",
    "nested.md": "---\nk: " + "[" * 15_000 + "]" * 15_000 + "\n---\n",
}
"""Front matter on which parsers, or what is done with their answers, used to fail."""


@pytest.mark.parametrize(("one", "other", "found"), LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_names_that_look_alike_do_not_stop_a_source(tools, run, inbox, one, other, found):
    """Each has a row of its own in the plan, and the same one the next time."""
    for name in (one, other):
        (inbox / os.fsdecode(name)).write_bytes(b"# Berths\n\nI am called " + name)

    receipt = scan_source(tools, run, folder=str(inbox))
    again = scan_source(tools, run, folder=str(inbox))

    assert (5, 3 + found, 2 - found) == tuple(receipt[name] for name in ("found", "to_store", "refused"))
    assert (5, 3 + found, 2 - found) == tuple(again[name] for name in ("found", "to_store", "refused"))


def test_the_rest_of_an_awkward_inbox_is_published_and_stays_unchanged(ingest, inbox, rows):
    """And when the file that had the name is gone, the one that was refused for it takes its place."""
    for name in {name for one, other, _ in LOOK_ALIKES.values() for name in (one, other)}:
        (inbox / os.fsdecode(name)).write_bytes(b"# Berths\n\nI am called " + name)

    first, second = ingest(), ingest()

    assert (12, 6, 6) == tuple(first[name] for name in ("found", "stored", "refused"))
    assert (12, 6, 6) == tuple(second[name] for name in ("found", "unchanged", "refused"))
    refused = (
        "select path, first_refused_at = last_refused_at as once from corpus.refused_document order by path"
    )
    assert 6 == len(rows(refused)) == sum(not row["once"] for row in rows(refused))

    (inbox / DECOMPOSED).unlink()
    third = ingest()

    assert (11, 1, 5, 5) == tuple(third[name] for name in ("found", "stored", "unchanged", "refused"))


def test_a_path_longer_than_an_index_takes_is_refused_and_the_rest_goes_on(tools, run, inbox):
    """Names of random letters, which Postgres cannot compress into its limit."""
    folder = os.open(inbox, os.O_RDONLY)
    for _ in range(14):
        name = secrets.token_hex(120)
        os.mkdir(name, dir_fd=folder)
        inner = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("deep.md", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)

    receipt = scan_source(tools, run, folder=str(inbox))

    assert (4, 3, 1) == tuple(receipt[name] for name in ("found", "to_store", "refused"))


def test_odd_front_matter_stops_no_ingestion(ingest, inbox, rows):
    """The document is worth more than its metadata."""
    for name, front_matter in ODD_DOCUMENTS.items():
        (inbox / name).write_text(f"{front_matter}# Odd\n\nIn {name} stands an odd sentence.\n")

    summary = ingest()

    assert (8, 8, 0) == tuple(summary[name] for name in ("found", "stored", "refused"))
    told = rows("select distinct document_id from corpus.chunk where text like '%%stands an odd sentence%%'")
    assert 5 == len(told)
