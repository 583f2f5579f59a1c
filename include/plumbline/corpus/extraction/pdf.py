"""
PDF pages as text, with page numbers, paragraphs and headings.

A PDF holds positions of letters and little else.  Paragraphs are found by the distance between lines, headings by
their size, and lines that stand on most pages at the same edge are the running head and the page number, which would
otherwise be found by every search.
"""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part, Unreadable, too_long
from plumbline.corpus.extraction.text import shorten

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfPage, PdfTextPage

_NUMBERS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"(?i)[-–—\s]*(?:page|seite|página|p\.?)?\s*(\d{1,5})(?:\s*(?:of|von|de|/)\s*\d{1,5})?[-–—\s]*"
)
_BULLET = re.compile(r"[•◦▪‣●○■–·*-]\s+\S|\(?\d{1,3}[.)]\s+\S|\(?[a-z][.)]\s+\S")
_ENDS_SENTENCE = (".", "!", "?", ":", "…", "。", "！", "？")
_NO_TITLE = re.compile(
    r"(?i)untitled|microsoft (?:word|powerpoint|excel)|\.(?:docx?|pptx?|xlsx?|indd|tex|dvi|qxd)$|^\W*$"
)
_BOLD = re.compile(rb"(?i)bold|black|heavy|demi|-medi\b|^(?:[a-z]{6}\+)?cmb")
_HEADING_AT_MOST = 160
_LARGER = 1.08
_REPEATED_FROM = 3
_LEAST_LETTERS = 3
_LEAST_STEP, _MOST_STEP, _INDENT = 2, 60, 8  # points


class _Style(NamedTuple):
    """How a line is set: its size in points, and whether it is bold from end to end."""

    size: float
    bold: bool


@dataclass(slots=True)
class _Line:
    """A line of text: where its first letter stands, and how deep its last one, in points from the lower left."""

    text: str
    style: _Style
    left: float
    base: float
    foot: float
    page: int


def read_pdf(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    A PDF as its text, its title, its parts and its metadata.

    Raises:
        Unreadable: It is encrypted, broken, a scan without text, empty, or has too many pages or too much text.
    """
    document = _open(content)
    count = len(document)
    if count > limits.pages:
        raise Unreadable("too_many_pages", f"The PDF has {count:,} pages; the limit is {limits.pages:,}.")
    pages: list[list[_Line]] = []
    pictures = characters = 0
    for number in range(count):
        lines, has_picture = _page(document, number)
        pages.append(lines)
        pictures += has_picture and not lines
        characters += sum(len(line.text) for line in lines)
        if characters > limits.characters:
            raise too_long(limits.characters)
    _demand_text(pages, pictures, characters)
    builder = Builder(limits.characters)
    kept = _without_running_lines(pages)
    _lay_out(kept, _heading_levels(kept), builder)
    declared = _properties(document)
    metadata: dict[str, str | int] = {**declared, "pages": count}
    if pictures:
        metadata["pages_without_text"] = pictures
    headings = [part.title for part in builder.parts if part.kind == "heading"]
    return builder.text, declared.get("title") or (headings[0] if headings else None), builder.parts, metadata


def _open(content: bytes) -> PdfDocument:
    import pypdfium2
    from pypdfium2 import raw

    try:
        document = pypdfium2.PdfDocument(content)
        if len(document) < 1:
            raise Unreadable("empty", "The PDF has no pages.")
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        if code == raw.FPDF_ERR_PASSWORD:
            raise Unreadable(
                "encrypted", "The PDF is protected by a password; save a copy without one."
            ) from error
        if code == raw.FPDF_ERR_SECURITY:
            raise Unreadable(
                "encrypted", "The PDF is encrypted in a way that cannot be opened here."
            ) from error
        raise Unreadable(
            "malformed", "The file is not a PDF that can be opened: it is damaged or cut short."
        ) from error
    return document


def _page(document: PdfDocument, number: int) -> tuple[list[_Line], bool]:
    """The lines of one page, and whether it holds a picture; a page that cannot be loaded has neither."""
    import pypdfium2

    try:
        page = document[number]
    except pypdfium2.PdfiumError:
        return [], False
    try:
        lines = list(_lines(page, number + 1))
        return lines, bool(lines) or _has_picture(page)
    finally:
        page.close()


def _lines(page: PdfPage, number: int) -> Iterator[_Line]:
    """The lines in the order of the file, with the size and the place of the letters at both ends."""
    from pypdfium2 import raw

    layer = page.get_textpage()
    try:
        count = layer.count_chars()
        if count < 1:
            return
        # One code unit for each index of a letter, so that offsets can be asked for their place on the page.
        units = (ctypes.c_ushort * (count + 1))()
        written = raw.FPDFText_GetText(layer.raw, 0, count, units)
        encoded = bytes(units)[: max(0, written - 1) * 2]
        start = 0
        for said in encoded.decode("utf-16-le", "surrogatepass").split("\n"):
            line = said.rstrip("\r ")
            if first := line.lstrip():
                at = start + len(line) - len(first)
                left, base = _place(layer, at)
                end = start + len(line) - 1
                # PDFium joins the lines of a hyphenated word; the next line then follows the last of them.
                foot = _place(layer, end)[1] if "\ufffe" in first else base
                bold = _is_bold(layer, at) and _is_bold(layer, end)
                size = round(raw.FPDFText_GetFontSize(layer.raw, at) * 2) / 2
                text = first.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
                yield _Line(text, _Style(size, bold), left, base, foot, number)
            start += len(said) + 1
    finally:
        layer.close()


def _place(layer: PdfTextPage, index: int) -> tuple[float, float]:
    """Where a letter stands: from the left, and its base line."""
    from pypdfium2 import raw

    across, up = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(layer.raw, index, across, up)
    return across.value, up.value


def _is_bold(layer: PdfTextPage, index: int) -> bool:
    from pypdfium2 import raw

    name = ctypes.create_string_buffer(128)
    raw.FPDFText_GetFontInfo(layer.raw, index, name, len(name), None)
    return bool(_BOLD.search(name.value))


def _has_picture(page: PdfPage) -> bool:
    from pypdfium2 import raw

    return any(True for _ in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3))


def _demand_text(pages: list[list[_Line]], pictures: int, characters: int) -> None:
    said = "".join(line.text for lines in pages for line in lines)
    letters = sum(map(str.isalnum, said))
    if letters < _LEAST_LETTERS or (pictures and letters < 10 * pictures):
        if pictures:
            raise Unreadable(
                "image_only",
                "The PDF holds pictures of pages and no text; run text recognition (OCR) on it first.",
            )
        raise Unreadable("empty", "The PDF holds no text.")
    strange = sum(letter == "\ufffd" or "\ue000" <= letter <= "\uf8ff" for letter in said)
    if strange > 0.5 * characters:
        raise Unreadable(
            "malformed", "The fonts of the PDF do not say which letters they show; run OCR on it first."
        )


def _without_running_lines(pages: list[list[_Line]]) -> list[list[_Line]]:
    """The pages without their numbers, and without the lines that most of them begin or end with, numbers apart."""
    pages = [_without_number(lines, number) for number, lines in enumerate(pages, 1)]
    if len(pages) < _REPEATED_FROM:
        return pages
    for edge in (0, -1):
        for _ in range(2):  # a running head, and a line beside it
            pages = _without_edge(pages, edge)
    return pages


def _without_number(lines: list[_Line], number: int) -> list[_Line]:
    if len(lines) > 1 and (found := _PAGE_NUMBER.fullmatch(lines[-1].text)) and int(found[1]) == number:
        return lines[:-1]
    return lines


def _without_edge(pages: list[list[_Line]], edge: int) -> list[list[_Line]]:
    patterns = [_NUMBERS.sub("#", lines[edge].text) if lines else None for lines in pages]
    pattern, times = (
        Counter(pattern for pattern in patterns if pattern).most_common(1)[0] if any(patterns) else ("", 0)
    )
    if times < _REPEATED_FROM or times < 0.6 * len(pages):
        return pages
    return [
        (lines[1:] if edge == 0 else lines[:-1]) if found == pattern and len(lines) > 1 else lines
        for lines, found in zip(pages, patterns, strict=True)
    ]


def _heading_levels(pages: list[list[_Line]]) -> Mapping[_Style, int]:
    """The styles that are used for headings: larger than the body's, or bold where it is not, and for little text."""
    styles: Counter[_Style] = Counter()
    titles: set[_Style] = set()
    for lines in pages:
        for line in lines:
            styles[line.style] += len(line.text)
            if _may_be_heading(line.text):
                titles.add(line.style)
    if not styles:
        return {}
    body, total = styles.most_common(1)[0][0], styles.total()
    standing_out = sorted(
        (
            style
            for style in titles
            if styles[style] < 0.2 * total
            and (
                style.size >= body.size * _LARGER
                or (style.bold and not body.bold and style.size >= body.size)
            )
        ),
        reverse=True,
    )
    return {style: min(level, 6) for level, style in enumerate(standing_out, 1)}


def _may_be_heading(said: str) -> bool:
    return (
        len(said) <= _HEADING_AT_MOST
        and sum(map(str.isalpha, said)) >= _LEAST_LETTERS
        and not said.endswith((".", ",", ";"))
    )


def _lay_out(pages: list[list[_Line]], levels: Mapping[_Style, int], builder: Builder) -> None:
    for lines in pages:
        gathered: list[_Line] = []
        spacing = _spacing(lines)
        for line in lines:
            if gathered and _begins(line, gathered[-1], spacing, levels):
                _add(gathered, levels, builder)
                gathered = []
            gathered.append(line)
        if gathered:
            _add(gathered, levels, builder)


def _spacing(lines: list[_Line]) -> float:
    """The usual distance from one base line to the next, in points; where lines stand far apart, a guess by size."""
    steps = Counter(
        round(above.foot - below.base, 1)
        for above, below in pairwise(lines)
        if _LEAST_STEP < above.foot - below.base < _MOST_STEP
    )
    size = Counter(line.style.size for line in lines).most_common(1)[0][0] if lines else 0.0
    usual = steps.most_common(1)[0][0] if steps else 0.0
    return usual if usual <= 1.8 * size or size < _LEAST_STEP else 1.3 * size


def _begins(line: _Line, above: _Line, spacing: float, levels: Mapping[_Style, int]) -> bool:
    """Whether a line begins a new block."""
    if levels.get(line.style, 0) != levels.get(above.style, 0) or _BULLET.match(line.text):
        return True
    step = above.foot - line.base
    if step < -_LEAST_STEP:  # the next column
        return above.text.endswith(_ENDS_SENTENCE)
    if spacing and step > 1.3 * spacing + 1:
        return True
    return line.left - above.left > _INDENT and step > _LEAST_STEP and above.text.endswith(_ENDS_SENTENCE)


def _add(lines: list[_Line], levels: Mapping[_Style, int], builder: Builder) -> None:
    first = lines[0]
    said = "\n".join(line.text for line in lines)
    level = levels.get(first.style, 0)
    if level and _may_be_heading(said):
        builder.add(said.replace("\n", " "), "heading", level=level, page=first.page, mark="#" * level + " ")
    elif _BULLET.match(said):
        builder.add(said, "list_item", level=1, page=first.page)
    else:
        builder.add(said, "paragraph", page=first.page)


def _properties(document: PdfDocument) -> dict[str, str]:
    """What the file says about itself, where it says anything."""
    found = {
        name.lower(): shorten(value, 500)
        for name, value in document.get_metadata_dict(skip_empty=True).items()
    }
    kept = {name: found[name] for name in ("title", "author", "subject", "keywords") if found.get(name)}
    if "title" in kept and _NO_TITLE.search(kept["title"]):
        del kept["title"]
    return kept
