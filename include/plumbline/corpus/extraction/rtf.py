"""
Rich Text Format: its words, tables, footnotes and text boxes; it marks headings in no way that can be relied on.

`striprtf` turns the code into words.  It knows no notes, and of tables only that a cell ends: notes and the texts of
boxes are moved behind the paragraph that they stand in before it reads, and cells and rows are marked.  What it does
not tell, and is not read: pages, merged cells, cells that hold a table (their words are there, in the cell around it),
comments, and the running heads and feet of pages, which are left out of other formats as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.model import Limits, Metadata, Part, Unreadable
from plumbline.corpus.extraction.tables import add_table
from plumbline.corpus.extraction.text import plain_parts, tidy

_MARK = b"{\\rtf"
# Characters that no text holds (Unicode's own noncharacters) stand for what ends, until the words are there.
_CELL, _ROW, _BEGINS = "\ufdd0", "\ufdd1", "\ufdd2"
_MARKS = {"cell": _CELL, "row": _ROW, "trowd": _BEGINS}
_TABLE_WORD = re.compile(r"\\\\|\\(cell|row|trowd)(?![a-z])[ ]?")
_TOKEN = re.compile(r"\\[\\{}]|\{[\r\n ]*(\\\*|\\[a-z]+)?|\}|(\\par)(?![a-z])")
_ASIDE = ("\\footnote", "\\shptxt")
# The halves of a character beyond the first 65,536, with the question marks for readers that do not know them.
_HALVES = re.compile("([\ud800-\udbff])(\\??)([\udc00-\udfff])\\2")


def read_rtf(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    The text of an RTF file and its parts.

    Raises:
        Unreadable: It is no RTF, or too long.
    """
    from striprtf.striprtf import rtf_to_text

    if not content.lstrip().startswith(_MARK):
        raise Unreadable("malformed", "The file is no RTF, whatever its name says.")
    source = _with_notes_behind(content.decode("latin-1"))
    said: str = rtf_to_text(_TABLE_WORD.sub(_marked, source), errors="replace")  # type: ignore[no-untyped-call]
    said = _HALVES.sub(_joined, said)
    builder = Builder(limits.characters)
    rows: list[list[str]] = []
    for paragraphs, row in _pieces(said):
        if rows and (row is None or paragraphs.strip()):
            add_table(builder, rows)
            rows = []
        _add_paragraphs(builder, paragraphs)
        rows += [row] if row else []
    return builder.text, None, builder.parts, {}


def _add_paragraphs(builder: Builder, said: str) -> None:
    text = tidy("\n\n".join(line.strip() for line in said.split("\n"))).strip("\n")
    for part in plain_parts(text):
        builder.add(text[part.start : part.end], part.kind, level=part.level)


def _pieces(said: str) -> Iterator[tuple[str, list[str] | None]]:
    """What stands before each row of a table, and its cells; what stands after the last one comes without any."""
    *rows, rest = said.split(_ROW)
    for one in rows:
        # Some programs say what a row is like before it and again behind it; where it begins, they say first.
        before, begins, held = one.partition(_BEGINS)
        cells = (held if begins else before).replace(_BEGINS, "").split(_CELL)
        yield before if begins else "", cells if cells[-1].strip() else cells[:-1]
    yield rest.replace(_BEGINS, "").replace(_CELL, "|"), None


def _marked(found: re.Match[str]) -> str:
    """The code of the character that stands for the end of a cell or row; an escaped backslash is none."""
    return f"{{\\uc0\\u{ord(_MARKS[found[1]])} }}" if found[1] else found[0]


def _joined(found: re.Match[str]) -> str:
    return (found[1] + found[3]).encode("utf-16", "surrogatepass").decode("utf-16")


def _with_notes_behind(source: str) -> str:
    """The source with every footnote and the text of every box behind the paragraph in which it stands."""
    from striprtf.striprtf import destinations

    texts: list[list[str]] = [[]]  # the text itself, and the notes that are open
    groups: list[
        tuple[bool, bool]
    ] = []  # of each group that is open: whether it is a note, and whether it is unsaid
    waiting: list[str] = []
    end = 0
    for token in _TOKEN.finditer(source):
        texts[-1].append(source[end : token.start()])
        end = token.end()
        said = token[0]
        if said.startswith("{"):
            word = token[1] or ""
            note = word in _ASIDE
            silent = bool(groups) and groups[-1][1]
            groups.append((note, not note and (silent or word == "\\*" or word[1:] in destinations)))
            if note:
                texts.append([])
                said = "{"
        elif said == "}" and groups and groups.pop()[0] and len(texts) > 1:
            waiting.append("".join((*texts.pop(), "}\\par ")))
            continue
        elif said == "}" and not groups:
            said = "".join(("\\par ", *waiting, said))
            waiting.clear()
        texts[-1].append(said)
        if token[2] and len(texts) == 1 and not (groups and groups[-1][1]):
            texts[-1] += [" ", *waiting]
            waiting.clear()
    return "".join((*map("".join, texts), *waiting, source[end:]))
