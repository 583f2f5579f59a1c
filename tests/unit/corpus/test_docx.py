"""A Word document is read as its readers see it, with the pages that Word gave it."""

from __future__ import annotations

import io

import docx
import pytest
from docx.oxml import OxmlElement, parse_xml
from docx.oxml.ns import nsdecls

from plumbline.corpus.extraction import Limits, Unreadable, extract
from plumbline.corpus.extraction.docx import read_docx
from plumbline.corpus.extraction.docx_lists import numeral


def read(document):
    """What the reader makes of a document."""
    made = io.BytesIO()
    document.save(made)
    return read_docx(made.getvalue(), Limits())


def paragraph(inner: str):
    """A paragraph of this XML."""
    return parse_xml(f"<w:p {nsdecls('w')}>{inner}</w:p>")


def run(text: str) -> str:
    """A run of words, as XML."""
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def test_structure_is_kept():
    """Title, headings, lists by their depth and number, quotes and tables, in order."""
    document = docx.Document()
    document.add_heading("Berths", 0)
    document.add_heading("Prices", 1)
    document.add_paragraph("A berth costs\nforty euros.")
    document.add_paragraph("first", "List Bullet")
    document.add_paragraph("deep", "List Bullet 2")
    document.add_paragraph("one", "List Number")
    document.add_paragraph("so it is said", "Quote")
    table = document.add_table(2, 2)
    for number, said in enumerate(["Boat", "Price", "A|B", "40"]):
        table.cell(number // 2, number % 2).text = said
    document.add_heading("Deep", 3)

    text, title, parts, _ = read(document)

    assert (
        "# Berths\n\n# Prices\n\nA berth costs\nforty euros.\n\n- first\n  - deep\n1. one\n\nso it is said\n\n"
        "| Boat | Price |\n| A\\|B | 40 |\n\n### Deep"
    ) == text
    assert "Berths" == title
    kinds = [
        "heading",
        "heading",
        "paragraph",
        "list_item",
        "list_item",
        "list_item",
        "quote",
        "table",
        "heading",
    ]
    assert kinds == [part.kind for part in parts]
    assert {None} == {part.page for part in parts}


def test_numbered_lists_keep_their_numbers():
    """A step is asked for by its number; an item begins the list below it anew."""
    document = docx.Document()
    numbering = document.part.numbering_part.element
    levels = "".join(
        f'<w:lvl w:ilvl="{level}"><w:numFmt w:val="{kind}"/></w:lvl>'
        for level, kind in enumerate(("decimal", "lowerLetter"))
    )
    numbering.insert(
        0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{levels}</w:abstractNum>')
    )
    numbering.append(parse_xml(f'<w:num {nsdecls("w")} w:numId="91"><w:abstractNumId w:val="90"/></w:num>'))
    for level, said in ((0, "open"), (1, "key"), (1, "turn"), (0, "enter"), (1, "shut")):
        properties = f'<w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="91"/></w:numPr></w:pPr>'
        document.element.body.insert(-1, paragraph(properties + run(said)))

    assert "1. open\n  a. key\n  b. turn\n2. enter\n  a. shut" == read(document)[0]


def test_lists_begin_where_they_say():
    """By the level, by what a list changes of it, or at one; a number of five digits is as good as any."""
    document = docx.Document()
    numbering = document.part.numbering_part.element
    level = '<w:lvl w:ilvl="{}"><w:start w:val="{}"/><w:numFmt w:val="{}"/></w:lvl>'
    levels = level.format(0, 3, "upperRoman") + level.format(1, 26, "lowerLetter")
    numbering.insert(
        0, parse_xml(f'<w:abstractNum {nsdecls("w")} w:abstractNumId="90">{levels}</w:abstractNum>')
    )
    changes = {
        91: "",
        92: '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>',
        93: f'<w:lvlOverride w:ilvl="0">{level.format(0, 0, "decimalZero")}</w:lvlOverride>',
        94: '<w:lvlOverride w:ilvl="8"><w:startOverride w:val="x"/></w:lvlOverride>',
    }
    for number, change in changes.items():
        numbering.append(
            parse_xml(
                f'<w:num {nsdecls("w")} w:numId="{number}"><w:abstractNumId w:val="90"/>{change}</w:num>'
            )
        )
    for number, depth in ((91, 0), (91, 1), (91, 1), (91, 0), (92, 0), (93, 0), (93, 0), (94, 0)):
        properties = f'<w:pPr><w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr></w:pPr>'
        document.element.body.insert(-1, paragraph(properties + run("x")))

    marks = [line.strip().split(" ")[0] for line in read(document)[0].split("\n")]

    assert ["III.", "z.", "aa.", "IV.", "VII.", "00.", "01.", "III."] == marks


@pytest.mark.parametrize(
    ("number", "form", "said"),
    [
        (1994, "lowerRoman", "mcmxciv"),
        (4_000, "upperRoman", "4000"),
        (0, "upperLetter", "0"),
        (28, "upperLetter", "BB"),
        (99_999, "lowerLetter", "99999"),
        (3, "ordinal", "3"),
    ],
)
def test_numerals_are_those_of_word(number, form, said):
    """Where it has none, digits are."""
    assert said == numeral(number, form)


def test_later_parts_of_a_table_are_on_their_pages():
    """A price list goes over several pages, a row of it over two; and a citation names the one."""
    document = docx.Document()
    table = document.add_table(90, 2)
    for number, row in enumerate(table.rows):
        for cell, said in zip(row.cells, (f"berth {number} at the outer pier", "on request"), strict=True):
            cell.text = said if number else "Berth" if said[0] == "b" else "Price"
        if number == 30:
            row.cells[0].paragraphs[0].runs[0]._r.insert(0, OxmlElement("w:lastRenderedPageBreak"))
        if number == 60:
            for cell in row.cells:
                cell.paragraphs[0].runs[0]._r.append(OxmlElement("w:lastRenderedPageBreak"))

    text, _, parts, _ = read(document)

    assert [1, 2, 3] == sorted({part.page for part in parts})
    for part in parts:
        first = int(text[part.start : part.end].split("berth ")[1].split(" ")[0])
        assert 1 + (first >= 30) + (first > 60) == part.page


def test_pages_are_as_word_laid_them_out():
    """A paragraph is on the page that it begins on; without any sign of pages there are none."""
    document = docx.Document()
    for inner in (
        run("one"),
        "<w:r><w:lastRenderedPageBreak/></w:r>" + run("two"),
        run("still two ") + "<w:r><w:lastRenderedPageBreak/></w:r>" + run("and on"),
        run("three"),
    ):
        document.element.body.insert(-1, paragraph(inner))

    parts = read(document)[2]

    assert [1, 2, 2, 3] == [part.page for part in parts]


def test_what_word_hides_in_wrappers_is_read_and_what_was_deleted_is_not():
    """Content controls, accepted insertions, links and text boxes hold text as others do; each text comes once."""
    document = docx.Document()
    body = document.element.body
    body.insert(
        0,
        parse_xml(
            f"<w:sdt {nsdecls('w')}><w:sdtContent><w:p>{run('controlled')}</w:p></w:sdtContent></w:sdt>"
        ),
    )
    body.insert(
        1,
        paragraph(
            f"{run('kept ')}<w:ins w:id='1' w:author='a'>{run('added')}</w:ins><w:del w:id='2' w:author='a'>"
            "<w:r><w:delText>gone</w:delText></w:r></w:del>"
        ),
    )
    body.insert(
        2,
        paragraph(f"<w:hyperlink>{run('linked')}</w:hyperlink><w:r><w:instrText>PAGEREF</w:instrText></w:r>"),
    )
    box = f"<w:txbxContent><w:p>{run('boxed')}</w:p></w:txbxContent>"
    space = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    body.insert(
        3,
        parse_xml(
            f"<w:p {nsdecls('w')} {space}>{run('beside')}<w:r><mc:AlternateContent>"
            f"<mc:Choice Requires='wps'>{box}</mc:Choice>"
            f"<mc:Fallback>{box}</mc:Fallback></mc:AlternateContent></w:r></w:p>"
        ),
    )

    assert "controlled\n\nkept added\n\nlinked\n\nbeside\n\nboxed" == read(document)[0]


def test_notes_are_read_where_they_are_referred_to():
    """They say what the text does not, and belong to its section; one that nothing refers to comes last."""
    document = docx.Document()
    document.element.body.insert(
        0, paragraph(run("A berth costs forty euros.") + "<w:r><w:footnoteReference w:id='2'/></w:r>")
    )
    document.add_heading("Other", 1)
    from docx.opc.constants import RELATIONSHIP_TYPE
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    notes = (
        f"<w:footnotes {nsdecls('w')}><w:footnote w:type='separator'><w:p>{run('---')}</w:p></w:footnote>"
        f"<w:footnote w:id='2'><w:p>{run(' Water included.')}</w:p></w:footnote>"
        f"<w:footnote w:id='3'><w:p>{run('Nobody refers to me.')}</w:p></w:footnote></w:footnotes>"
    )
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.footnotes+xml"
    part = Part(PackURI("/word/footnotes.xml"), kind, notes.encode(), document.part.package)
    document.part.relate_to(part, RELATIONSHIP_TYPE.FOOTNOTES)

    assert (
        "A berth costs forty euros.\n\nWater included.\n\n# Other\n\nNobody refers to me."
        == read(document)[0]
    )


def test_what_it_says_of_itself_is_kept_and_nothing_is_made_up():
    """The same file gives the same answer tomorrow."""
    document = docx.Document()
    document.add_paragraph("x")
    document.core_properties.title = "Berths 2026"
    document.core_properties.author = "Harbour office"
    text, title, _, metadata = read(document)

    assert ("x", "Berths 2026", "Harbour office") == (text, title, metadata["author"])
    assert metadata == read(document)[3]


def test_a_frame_of_one_cell_is_no_table():
    """People put warnings into boxes."""
    document = docx.Document()
    cell = document.add_table(1, 1).cell(0, 0)
    cell.text = "Mind the step."
    cell.add_paragraph("It is high.")

    text, _, parts, _ = read(document)

    assert "Mind the step.\n\nIt is high." == text
    assert ["paragraph", "paragraph"] == [part.kind for part in parts]


@pytest.mark.parametrize(("depth", "read_at_all"), [(100, True), (300, False)])
def test_deep_nesting_is_read_or_refused(depth, read_at_all):
    """A file made on purpose has boxes in boxes: none of its words goes missing without a sign."""
    document = docx.Document()
    inner = parse_xml(f"<w:p {nsdecls('w')}>{run('deep')}</w:p>")
    for _ in range(depth):
        outer = OxmlElement("w:sdt")
        outer.append(inner)
        inner = outer
    document.element.body.insert(0, inner)
    made = io.BytesIO()
    document.save(made)

    if read_at_all:
        assert "deep" == extract(made.getvalue(), "docx", "a.docx").text
    else:
        with pytest.raises(Unreadable, match="parser failed"):
            extract(made.getvalue(), "docx", "a.docx")


@pytest.mark.parametrize("cut", [100, 5_000])
def test_a_damaged_file_is_refused(cut):
    """With a sentence, not a trace."""
    made = io.BytesIO()
    docx.Document().save(made)

    with pytest.raises(Unreadable, match="damaged"):
        read_docx(made.getvalue()[:cut], Limits())


def test_too_long_a_text_is_refused():
    """Its memory is ours."""
    document = docx.Document()
    document.add_paragraph("word " * 100)
    made = io.BytesIO()
    document.save(made)

    with pytest.raises(Unreadable, match="more than 100 characters"):
        read_docx(made.getvalue(), Limits(characters=100))


def test_cells_in_content_controls_and_equations_are_read():
    """Forms are made of the ones, papers of the others."""
    document = docx.Document()
    cells = "".join(f"<w:tc><w:p>{run(said)}</w:p></w:tc>" for said in ("c1", "c2"))
    table = (
        f"<w:tbl {nsdecls('w')}><w:tr><w:tc><w:p>{run('c0')}</w:p></w:tc><w:sdt><w:sdtContent>{cells}</w:sdtContent>"
        "</w:sdt></w:tr></w:tbl>"
    )
    document.element.body.insert(0, parse_xml(table))
    math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    equation = f"<w:p {nsdecls('w')} {math}>{run('So: ')}<m:oMath><m:r><m:t>E=mc2</m:t></m:r></m:oMath></w:p>"
    document.element.body.insert(1, parse_xml(equation))

    assert "| c0 | c1 | c2 |\n\nSo: E=mc2" == read(document)[0]


def test_a_page_that_begins_in_a_frame_is_counted_once():
    """What comes after it would be a page too far on."""
    document = docx.Document()
    cell = document.add_table(1, 1).cell(0, 0)
    cell._tc.insert(-1, paragraph(run("first") + "<w:r><w:lastRenderedPageBreak/></w:r>" + run("second")))
    document.add_paragraph("after")

    parts = read(document)[2]

    assert [1, 2] == [part.page for part in parts]
