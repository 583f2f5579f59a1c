"""Whatever the kind of a file, it gets its time and no more."""

from __future__ import annotations

import time

import pytest

from plumbline.corpus.extraction import Limits, Unreadable, extract, reading

FRONT_MATTER = "---\ntitle: Berths\nversion: 1.5\npages: 3\ndraft: true\ntags: [harbour, night]\n---\n"
SECTION = "## Night {0}\n\n- A berth costs forty euros.\n- Water is *included*.\n\n"
SOURCE = (FRONT_MATTER + "".join(map(SECTION.format, range(2_000)))).encode()


@pytest.mark.parametrize("kind", ["markdown", "text"])
def test_a_long_file_reads_as_a_short_one_does(kind, monkeypatch):
    """It is read in another process: text, structure and what it says of itself come back as they were."""
    assert len(SOURCE) > reading._READ_HERE_BYTES
    elsewhere = extract(SOURCE, kind, "berths.md")

    monkeypatch.setattr(reading, "_READ_HERE_BYTES", len(SOURCE))
    here = extract(SOURCE, kind, "berths.md")

    assert here == elsewhere
    if kind == "markdown":
        assert {
            "title": "Berths",
            "version": 1.5,
            "pages": 3,
            "draft": True,
            "tags": ["harbour", "night"],
        } == here.metadata


def test_markdown_that_takes_too_long_is_refused_and_the_next_file_is_read():
    """A title of a link that never ends, section after section: minutes within the limit of size."""
    bomb = ('\n\n# A\n\n[a]: /u "' + "x\n" * 190_000) * 25
    with pytest.raises(Unreadable, match=r"took more than 0\.5 seconds") as refused:
        extract(bomb.encode(), "markdown", "bomb.md", limits=Limits(seconds=0.5))
    assert "timeout" == refused.value.code
    assert "Berths" == extract(SOURCE, "markdown", "berths.md").title


@pytest.mark.parametrize(
    "source",
    [
        "[" * 65_000,
        ">" * 65_000,
        "*a " * 21_000,
        "- a\n" * 16_000,
        "- " * 32_000 + "a",
        '[a]: /u "' + "x\n" * 32_000,
        "[" + "x\n" * 32_000,
        "a\n=\n" * 16_000,
        "`a\n" * 21_000,
        "<!--" * 16_000,
        "{% a " * 13_000,
        "a" + "\u0301\u0316" * 16_000,
        "# " + "[a](" * 16_000,
    ],
)
def test_what_is_read_without_a_limit_of_time_is_too_short_to_need_one(source):
    """The worst of a few kilobytes takes less than a second; where it takes ten, it belongs in the worker."""
    assert len(source.encode()) <= reading._READ_HERE_BYTES
    began = time.process_time()
    extracted = extract(source.encode(), "markdown", "bomb.md")
    assert extracted.blocks
    assert time.process_time() - began < 10
