from __future__ import annotations

import pytest

from plumbline.corpus.extraction import extract
from plumbline.corpus.extraction.frontmatter import split_front_matter
from plumbline.corpus.extraction.markdown import plain_title, without_comments_and_tags


def read(source: str):
    """What the reader makes of a source."""
    return extract(source.encode(), "markdown", "guide.md")


def kinds(source: str):
    """The blocks of a source, as kind, level and text."""
    extracted = read(source)
    return [(block.kind, block.level, extracted.text[block.start : block.end]) for block in extracted.blocks]


def test_blocks_are_the_exact_source():
    """Headings of both forms, items with their depth, tables, code and quotes."""
    source = (
        "# Guide\n\nIntro *text*\non two lines.\n\nNext\n----\n\n- one\n  - deep\n\n    more of deep\n- two\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\n# not a heading\n\nrun\n```\n\n> quoted\n> text\n\n"
        "    indented code\n"
    )
    assert [
        ("heading", 1, "# Guide"),
        ("paragraph", 0, "Intro *text*\non two lines."),
        ("heading", 2, "Next\n----"),
        ("list_item", 1, "- one"),
        ("list_item", 2, "  - deep"),
        ("list_item", 2, "    more of deep"),
        ("list_item", 1, "- two"),
        ("table", 0, "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("code", 0, "```sh\n# not a heading\n\nrun\n```"),
        ("quote", 0, "> quoted\n> text"),
        ("code", 0, "    indented code"),
    ] == kinds(source)


def test_nothing_is_lost_that_is_no_block():
    """Link definitions and lone marks are text too."""
    assert ["[a]: http://example.com", "text"] == [
        said for _, _, said in kinds("[a]: http://example.com\n\ntext")
    ]


def test_headings_lead_to_their_blocks():
    """A level that is skipped or climbed back over."""
    extracted = read("# A\n\n### B\n\none\n\n## C\n\ntwo\n\n# D\n\nthree")
    paths = [block.heading_path for block in extracted.blocks if block.kind == "paragraph"]
    assert [("A", "B"), ("A", "C"), ("D",)] == paths


@pytest.mark.parametrize(
    ("source", "title"),
    [
        ("Simple", "Simple"),
        ("**Bold** and *slanted* `code`", "Bold and slanted code"),
        ("See [the guide](https://example.com/a_b) now", "See the guide now"),
        ("Install {#install}", "Install"),
        ("A <br> tag", "A tag"),
        ("snake_case_name stays", "snake_case_name stays"),
    ],
)
def test_titles_are_words(source, title):
    """A heading path is shown to people."""
    assert title == plain_title(source)


def test_front_matter_becomes_metadata_and_its_title_a_heading():
    """The page shows the title above the text, so a search must find it there."""
    extracted = read(
        "---\ntitle: Travel guide\ntags: [travel, policy]\ndate: 2026-03-01\ndraft: false\n---\n\nPack light.\n"
    )
    assert "# Travel guide\n\nPack light." == extracted.text
    assert "Travel guide" == extracted.title
    assert {
        "title": "Travel guide",
        "tags": ["travel", "policy"],
        "date": "2026-03-01",
        "draft": False,
    } == extracted.metadata
    assert ("Travel guide",) == extracted.blocks[-1].heading_path


def test_a_title_that_the_text_repeats_stands_there_once():
    """Most pages have both."""
    assert "# Travel guide\n\nPack." == read("---\ntitle: Travel guide\n---\n# Travel guide\n\nPack.").text


@pytest.mark.parametrize(
    "source",
    [
        "---\nnot: [closed\n---\ntext",
        "---\njust a rule above\n\ntext",
        "---\na: &a [x]\nb: [*a, *a]\n---\ntext",
        "---\n- a list\n---\ntext",
        "+++\nbroken = \n+++\ntext",
    ],
)
def test_what_is_not_front_matter_stays_text(source):
    """Aliases can stand for gigabytes; the rest is not understood, and is not thrown away."""
    assert ({}, source) == split_front_matter(source)


def test_front_matter_cannot_smuggle_what_text_may_not_hold():
    """YAML can spell a NUL."""
    metadata, _ = split_front_matter('---\ntitle: "a\\0b\\x01c"\n---\ntext')
    assert {"title": "abc"} == metadata


def test_toml_front_matter_is_read_too():
    """Other site generators write it."""
    assert ({"title": "Hugo"}, "text") == split_front_matter('+++\ntitle = "Hugo"\n+++\ntext')


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a <!-- hidden --> b", "a  b"),
        ("a {% comment %}TODO{% endcomment %} b", "a  b"),
        ('ask in {% slack_channel "people-ops" %}.', "ask in people-ops."),
        ('[Next]({% page "/travel/#book" %})', "[Next](/travel/#book)"),
        ('{% image "_img/a.png" "A map of the site" %}', "A map of the site"),
        ('{% include "banner.html" %}text{% raw %}{% kept %}{% endraw %}', "text{% kept %}"),
        ("`{% raw %}` and `<!-- x -->` stay", "`{% raw %}` and `<!-- x -->` stay"),
        ("```\n<!-- shown -->\n{% shown %}\n```\n<!-- not -->", "```\n<!-- shown -->\n{% shown %}\n```\n"),
        ("~~~\n```\n<!-- shown -->\n~~~", "~~~\n```\n<!-- shown -->\n~~~"),
        ("open <!-- for ever", "open <!-- for ever"),
        ("half {% a tag", "half {% a tag"),
        ("{{ placeholder }}", "{{ placeholder }}"),
    ],
)
def test_comments_and_template_tags_leave_what_they_say(source, text):
    """Outside code; what a tag prints stays, what nobody sees goes."""
    assert text == without_comments_and_tags(source)


def test_long_documents_are_parsed_in_parts_with_the_same_result():
    """Memory stays flat, and no heading is lost where the parts meet."""
    section = "## Section {0}\n\nSome words about {0}.\n\n```\n## not a section\n```\n\n"
    source = "# Manual\n\n" + "".join(section.format(number) for number in range(12_000))
    extracted = read(source)
    headings = [block for block in extracted.blocks if block.kind == "heading"]
    assert 12_001 == len(headings)
    assert ("Manual", "Section 11999") == extracted.blocks[-1].heading_path
    assert all(extracted.text[block.start] == "#" for block in headings)
