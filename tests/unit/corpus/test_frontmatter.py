"""Front matter comes from strangers: it may be ignored, but it stops nothing."""

from __future__ import annotations

import time

import pytest

from plumbline.corpus.extraction import Unreadable, extract, markdown
from plumbline.corpus.extraction.frontmatter import split_front_matter

YAML = "---\n%s\n---\n# Berths\n\nA berth costs 40 euros a night.\n"
TOML = "+++\n%s\n+++\n# Berths\n\nA berth costs 40 euros a night.\n"

HUGE = {
    "yaml hexadecimal": YAML % ("title: Prices\nk: 0x" + "f" * 5000),
    "toml hexadecimal": TOML % ("title = 'Prices'\nk = 0x" + "f" * 5000),
    "yaml base sixty": YAML % ("title: Prices\nk: 1" + ":59" * 3000),
    "yaml key": YAML % ("title: Prices\n? 0x" + "f" * 5000 + "\n: k"),
    "yaml list": YAML % ("title: Prices\nk: [0x" + "f" * 5000 + "]"),
}
"""Numbers that Python does not write out, as a value, in a list, and as a key."""

ODD = {
    "base sixty with a fraction": YAML % ("k: 1" + ":59" * 3000 + ".0"),
    "decimal": YAML % ("k: " + "9" * 5000),
    "no number": YAML % 'k: !!int ""',
    "no boolean": YAML % "k: !!bool x",
    "no moment": YAML % "k: !!timestamp x",
    "no such day": YAML % "k: 2026-02-31",
    "list as a key": YAML % "[a, b]: c",
}

DEEP = {
    "open": YAML % ("k: " + "[" * 15_000),
    "closed": YAML % ("k: " + "[" * 15_000 + "]" * 15_000),
    "maps": YAML % ("k: " + "{a: " * 6_000 + "}" * 6_000),
    "items on one line": YAML % ("k:\n  " + "- " * 15_000 + "x"),
    "keys on one line": YAML % ("? " * 15_000 + "x"),
    "toml lists": TOML % ("k = " + "[" * 15_000 + "]" * 15_000),
    "toml tables": TOML % ("k = " + "{a=" * 8_000 + "1" + "}" * 8_000),
    "toml dots": TOML % (".".join("a" * 15_000) + " = 1"),
    "toml table of dots": TOML % ("[" + ".".join("a" * 15_000) + "]"),
}

SHALLOW_ENOUGH = {
    "lists": YAML % ("k: " + "[" * 500 + "]" * 500),
    "items": YAML % ("k:\n" + "- " * 199 + "x"),
    "steps": YAML % "\n".join(" " * depth + "a:" for depth in range(199)),
    "toml lists": TOML % ("k = " + "[" * 500 + "]" * 500),
    "toml dots": TOML % ("\n".join(f"k{n}." + ".".join("a" * 100) + " = 1" for n in range(140))),
    "toml dots below dots": TOML
    % (f"[{'.'.join('a' * 100)}]\n" + "\n".join(f"k{n}." + ".".join("a" * 100) + " = 1" for n in range(140))),
}
"""The most of each kind that a parser is let see."""


def read(source: str):
    """What the reader makes of a source."""
    return extract(source.encode(), "markdown", "prices.md")


@pytest.mark.parametrize("source", HUGE.values(), ids=HUGE)
def test_a_number_that_cannot_be_written_out_is_left_out(source):
    """The document and the rest of its metadata are as good as any."""
    extracted = read(source)
    assert {"title": "Prices"} == extracted.metadata
    assert "Prices" == extracted.title
    assert "A berth costs 40 euros a night." in extracted.text


@pytest.mark.parametrize("source", ODD.values(), ids=ODD)
def test_front_matter_that_its_parser_stumbles_over_stays_text(source):
    """Nothing that the document says is lost."""
    assert ({}, source) == split_front_matter(source)
    assert "A berth costs 40 euros a night." in read(source).text


@pytest.mark.parametrize("source", DEEP.values(), ids=DEEP)
def test_front_matter_that_is_too_deep_is_shown_to_no_parser(source, monkeypatch):
    """Their time grows with the square of the depth, and their stack with the depth."""

    def untouched(*_):
        pytest.fail("the parser was asked")

    monkeypatch.setattr("plumbline.corpus.extraction.frontmatter._yaml", untouched)
    monkeypatch.setattr("plumbline.corpus.extraction.frontmatter._toml", untouched)
    assert ({}, source) == split_front_matter(source)
    assert "A berth costs 40 euros a night." in read(source).text


@pytest.mark.parametrize("source", SHALLOW_ENOUGH.values(), ids=SHALLOW_ENOUGH)
def test_front_matter_that_a_parser_may_see_costs_it_little(source):
    """These are at the limits; the time is that of the processor, which a busy machine does not change much."""
    read(YAML % "title: warm")
    began = time.process_time()
    assert "A berth costs 40 euros a night." in read(source).text
    assert time.process_time() - began < 5


def test_dots_and_brackets_of_a_long_description_are_no_nesting():
    """A sentence with many of them is not mistaken for an attack."""
    said = "See [1]. Or not... " * 100
    assert {"summary": said.strip()[:1000].strip()} == split_front_matter(YAML % f"summary: {said}")[0]


def test_metadata_of_other_kinds_is_kept_as_far_as_it_can_be_searched():
    """Plain values stay what they are; long whole numbers become texts; maps and inner lists are left out."""
    metadata, _ = split_front_matter(
        YAML % "n: 3\nbig: 123456789012345678901234567890\nf: 1.5\nbad: .inf\nyes: true\n"
        "day: 2026-03-01\nlist: [a, 1, [b], {c: d}]\nmap: {a: b}\n7: seven\n~: nothing"
    )
    assert {
        "n": 3,
        "big": "123456789012345678901234567890",
        "f": 1.5,
        "True": True,
        "day": "2026-03-01",
        "list": ["a", "1"],
        "7": "seven",
    } == metadata


@pytest.mark.parametrize("error", [RecursionError, ValueError, OverflowError, KeyError, AssertionError])
def test_whatever_a_parser_stumbles_over_only_its_document_is_refused(monkeypatch, error):
    """With a sentence for the person who put it there."""

    def stumbling(*_):
        raise error("deep inside")

    monkeypatch.setattr(markdown, "read_markdown", stumbling)
    with pytest.raises(Unreadable) as refused:
        read("# Title")
    assert ("malformed", f"The file cannot be read: its parser failed ({error.__name__}).") == (
        refused.value.code,
        refused.value.reason,
    )


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt, ModuleNotFoundError, OSError])
def test_what_befalls_us_is_not_blamed_on_the_document(monkeypatch, error):
    """A refusal is remembered; a machine that was short of memory must not make it."""

    def failing(*_):
        raise error

    monkeypatch.setattr(markdown, "read_markdown", failing)
    with pytest.raises(error):
        read("# Title")
