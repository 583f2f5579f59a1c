"""An OpenDocument text is read as its readers see it."""

from __future__ import annotations

import io

import odfdo
import pytest

from plumbline.corpus.extraction import Limits, Unreadable
from plumbline.corpus.extraction.odt import read_odt


def saved(*blocks: str, title: str | None = None) -> bytes:
    """A document whose body has these blocks, as XML."""
    document = odfdo.Document("text")
    document.body.clear()
    for block in blocks:
        document.body.append(odfdo.Element.from_tag(block))
    if title:
        document.meta.title = title
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def test_structure_is_kept():
    """Headings, lists by their depth, tables, notes and text boxes, in order."""
    content = saved(
        '<text:h text:outline-level="1">Berths</text:h>',
        '<text:p>A<text:s text:c="2"/>berth<text:line-break/>costs <text:span>forty</text:span> euros.'
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Water included.</text:p>"
        "</text:note-body></text:note></text:p>",
        "<text:list><text:list-item><text:p>one</text:p><text:list><text:list-item><text:p>deep</text:p>"
        "</text:list-item></text:list></text:list-item></text:list>",
        "<table:table><table:table-row><table:table-cell><text:p>Boat</text:p></table:table-cell><table:table-cell>"
        "<text:p>Price</text:p></table:table-cell></table:table-row><table:table-row><table:table-cell>"
        "<text:p>small</text:p></table:table-cell><table:table-cell><text:p>40</text:p></table:table-cell>"
        '<table:table-cell table:number-columns-repeated="1000000"/></table:table-row></table:table>',
        title="Berths 2026",
    )

    text, title, parts, metadata = read_odt(content, Limits())

    assert (
        "# Berths\n\nA  berth\ncosts forty euros.\n\nWater included.\n\n- one\n  - deep\n\n"
        "| Boat | Price |\n| small | 40 |"
    ) == text
    assert ("Berths 2026", "Berths 2026") == (title, metadata["title"])
    assert ["heading", "paragraph", "paragraph", "list_item", "list_item", "table"] == [
        part.kind for part in parts
    ]


def test_numbered_lists_keep_their_numbers():
    """A step is asked for by its number; a second paragraph of an item has none."""
    document = odfdo.Document("text")
    document.body.clear()
    style = (
        '<text:list-style style:name="Steps"><text:list-level-style-number text:level="1" style:num-format="1"/>'
        '<text:list-level-style-bullet text:level="2" text:bullet-char="-"/></text:list-style>'
    )
    document.insert_style(odfdo.Element.from_tag(style), automatic=True)
    steps = (
        '<text:list text:style-name="Steps"><text:list-item><text:p>open</text:p><text:p>slowly</text:p><text:list>'
        "<text:list-item><text:p>key</text:p></text:list-item></text:list></text:list-item>"
        "<text:list-item><text:p>enter</text:p></text:list-item></text:list>"
    )
    document.body.append(odfdo.Element.from_tag(steps))
    made = io.BytesIO()
    document.save(made)

    assert "1. open\n  slowly\n  - key\n2. enter" == read_odt(made.getvalue(), Limits())[0]


def test_pages_are_as_they_were_laid_out():
    """A soft page break stands where the writing program began a new page."""
    content = saved(
        "<text:p>one</text:p>", "<text:p>two<text:soft-page-break/>and on</text:p>", "<text:p>three</text:p>"
    )

    assert [1, 1, 2] == [part.page for part in read_odt(content, Limits())[2]]
    assert [None] == [part.page for part in read_odt(saved("<text:p>one</text:p>"), Limits())[2]]


def test_later_parts_of_a_table_are_on_their_pages():
    """Between its rows stands where the pages begin."""
    cell = "<table:table-cell><text:p>{}</text:p></table:table-cell>"
    row = f"<table:table-row>{cell}{cell}</table:table-row>"
    rows = [
        row.format("Berth", "Price"),
        *(row.format(f"berth {number} " * 9, "forty") for number in range(30)),
    ]
    rows.insert(16, "<text:soft-page-break/>")

    parts = read_odt(saved(f"<table:table>{''.join(rows)}</table:table>"), Limits())[2]

    assert [1, 2] == sorted({part.page for part in parts})


def test_comments_deletions_and_indexes_are_not_the_text():
    """An index repeats the headings; a comment is between authors."""
    content = saved(
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>",
        "<text:table-of-content><text:index-body><text:p>Berths 1</text:p></text:index-body></text:table-of-content>",
        "<text:p>kept<office:annotation><text:p>really?</text:p></office:annotation></text:p>",
    )

    assert "kept" == read_odt(content, Limits())[0]


def test_a_damaged_file_is_refused():
    """With a sentence, not a trace."""
    with pytest.raises(Unreadable, match="damaged"):
        read_odt(saved("<text:p>x</text:p>")[:200], Limits())


def test_shapes_and_nested_tables_are_read_once():
    """Eight hundred short paragraphs in a shape once became six million characters."""
    shape = "<text:p>before<draw:custom-shape><text:p>one</text:p><text:p>two</text:p></draw:custom-shape></text:p>"
    cell = "<table:table-cell><text:p>in</text:p></table:table-cell>"
    inner = f"<table:table><table:table-row>{cell}</table:table-row></table:table>"
    outer = (
        "<table:table><table:table-row><table:table-cell><text:p>o1</text:p></table:table-cell>"
        f"<table:table-cell>{inner}<text:p>o2</text:p></table:table-cell></table:table-row></table:table>"
    )

    text = read_odt(saved(shape, outer), Limits())[0]

    assert "before\n\none\n\ntwo\n\n| o1 | in o2 |" == text
