"""Real files, among them empty, encrypted and malformed ones: each is read or refused for the right reason."""

from __future__ import annotations

import re

import pytest

from plumbline.corpus.chunking import MAX_TOKENS, chunk
from plumbline.corpus.extraction import Extracted, Unreadable, extract
from plumbline.corpus.intake import scan
from plumbline.corpus.outcomes import Refusal
from plumbline.corpus.tokens import count

REFUSED = {
    "SHA256SUMS": "unsupported",
    "link_queries.jsonl": "unsupported",
    "formats/p-libreoffice-writer-password.pdf": "encrypted",
    "formats/u-duplicate-paragraphs.doc": "unsupported",
    "formats/u-eml-empty.eml": "malformed",
    "formats/u-empty.xlsx": "empty",
    "formats/u-pdf-password.pdf": "encrypted",
}


@pytest.fixture(scope="module")
def outcomes(data_sets) -> dict[str, Extracted | str]:
    """Every file of the knowledge base, as what was read or as the code of its refusal."""
    made: dict[str, Extracted | str] = {}
    for seen in scan(data_sets / "kb_docs"):
        if isinstance(seen, Refusal):
            made[seen.path] = seen.code
            continue
        try:
            made[seen.path] = extract(seen.content, seen.kind, seen.path)
        except Unreadable as error:
            made[seen.path] = error.code
    return made


def test_every_file_is_accounted_for(outcomes, data_sets):
    """Read, or refused for the right reason; nothing else, and nothing missing."""
    files = {
        str(path.relative_to(data_sets / "kb_docs"))
        for path in (data_sets / "kb_docs").rglob("*")
        if path.is_file()
    }
    assert files == set(outcomes)
    assert REFUSED == {path: code for path, code in outcomes.items() if isinstance(code, str)}


def test_every_document_is_chunked_exactly(outcomes):
    """Spans, counts and limits hold on what people really write."""
    for path, extracted in outcomes.items():
        if isinstance(extracted, str):
            continue
        end = 0
        for one in chunk(extracted):
            assert "" == extracted.text[end : one.start].strip(), path
            assert one.tokens == count(extracted.text[one.start : one.end]) <= MAX_TOKENS, path
            end = one.end
        assert "" == extracted.text[end:].strip(), path


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("formats/clinc-paper.pdf", "capturing the breadth that a production task"),
        ("formats/d-multi_page.pdf", "# The Birth of Word Processing (1960s - 1970s)"),
        ("formats/p-minimal-document.pdf", "no sea takimata sanctus est"),
        ("formats/u-rotated-page-90.pdf", "Second line of text here"),
        ("formats/d-html_rich_table_cells.html", "| Mallard | Ponds, lakes, rivers | Quack |"),
        ("formats/d-table_06.html", "After table"),
        ("formats/u-fake-html-lang-de.html", "### Jahresabschluss zum Geschäftsjahr"),
        ("formats/u-fake-html.html", "  - With sub-bullets!"),
        ("formats/d-docx_lists.docx", "3. WORKSHOP AND TOOL SHED\n  1. Bench Setup"),
        ("formats/d-word_tables.docx", "| Cell 1.0 | Merged Cell 1.1 2.1 | Cell 1.2 |"),
        ("formats/u-page-breaks.docx", "no-break hyphen here:-and hard page-break here>>"),
        ("formats/u-fake-power-point.pptx", "    - Use _TextFrame.add_paragraph() for subsequent bullets"),
        (
            "formats/u-stanley-cups.xlsx",
            "## Stanley Cups Since 67\n\n| Stanley Cups Since 67 |\n| Team | Location |",
        ),
        ("formats/u-fake.odt", "| Leader | Sarah | Mark | Ryan |"),
        ("formats/u-fake-doc.rtf", "My First Heading\n\nMy first paragraph."),
        (
            "formats/u-eml-fake-email-attachment.eml",
            "## Attachment: fake-attachment.txt\n\nHey this is a fake",
        ),
        ("formats/u-eml-mime-html-only.eml", "was proposed by Scott Fahlman in 1982"),
        ("peps/pep-0257.rst", "### What is a Docstring?\n\nA docstring is a string literal"),
    ],
)
def test_awkward_files_say_what_they_say(outcomes, path, said):
    """Looked at by eye, and held."""
    extracted = outcomes[path]
    assert isinstance(extracted, Extracted)
    assert said in extracted.text


def test_titles_and_languages_of_real_documents(outcomes):
    """The folder of a translation says which language it should be."""
    assert "18F Design" == outcomes["handbook_18f/18f/chapters/design.md"].title
    wrong = [
        path
        for path, extracted in outcomes.items()
        if path.startswith("tldr/")
        and isinstance(extracted, Extracted)
        and extracted.language != path.split("/")[1].partition("_")[0]
    ]
    assert len(wrong) <= 2


@pytest.mark.parametrize(
    ("path", "said", "page"),
    [
        ("formats/u-page-breaks.docx", "<<Text on second page", 2),
        ("formats/u-simple.pptx", "- If not now when?", 2),
        ("formats/u-stanley-cups.xlsx", "## Stanley Cups Since 67", 2),
        ("formats/d-multi_page.pdf", "# The Birth of Word Processing", 1),
    ],
)
def test_a_citation_can_name_the_page(outcomes, path, said, page):
    """The page, the slide or the sheet."""
    extracted = outcomes[path]
    start = extracted.text.index(said)

    assert page == next(block.page for block in extracted.blocks if block.end > start)


def test_template_machinery_is_gone_from_the_handbook(outcomes):
    """Outside code, no tag of the site generator is left in what is embedded."""
    left = [
        path
        for path, extracted in outcomes.items()
        if path.startswith("handbook_18f/") and isinstance(extracted, Extracted)
        for block in extracted.blocks
        if block.kind != "code" and "{%" in re.sub("`[^`]*`", "", extracted.text[block.start : block.end])
    ]
    assert [] == left
