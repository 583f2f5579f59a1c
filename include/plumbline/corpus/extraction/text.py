"""
Bytes become clean text, and plain text becomes blocks.

Postgres refuses NUL and lone surrogates, search misses what is not in one normal form, and an invisible character
inside a word hides the word.  So every format ends in `tidy`, and the result is the text that is stored.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterator
from functools import cache

from plumbline.corpus.extraction.model import Limits, Metadata, Part, Unreadable, bounded, too_long

_LINE_ENDS = str.maketrans({"\x0b": "\n", "\x0c": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n\n"})
_UNUSABLE = {
    **dict.fromkeys(range(0x09)),
    **dict.fromkeys(range(0x0E, 0x20)),
    **dict.fromkeys(range(0x7F, 0x85)),
    **dict.fromkeys(range(0x86, 0xA0)),
    **dict.fromkeys(range(0xD800, 0xE000)),
    **dict.fromkeys((0x00AD, 0xFEFF, 0xFFF9, 0xFFFA, 0xFFFB, 0xFFFE, 0xFFFF)),
    0xA0: " ",
}
_TRANSLATION = {**_UNUSABLE, **_LINE_ENDS}
_ODD = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\xa0\xad\ud800-\udfff\u2028\u2029\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
_ODD_ASCII = bytes((*range(0x09), *range(0x0B, 0x20), 0x7F))

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16: its mark begins with the same two bytes
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 64 * 1024
_MARKS_AT_MOST = 30
_ASCII = bytes(range(128))
_TELLING = 8
_LEGIBLE = 20  # one character in so many may be damaged
_WIDE_FROM = 32  # bytes: fewer do not tell an encoding
_OUTDATED = ("mac", "cp4", "cp7", "cp8", "ibm")
_NOT_TEXT = (
    b"%PDF-",
    b"PK\x03\x04",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"\x1f\x8b",
    b"\x7fELF",
    b"\xd0\xcf\x11\xe0",
)
_BINARY = "The file holds binary data, not text, whatever its name says."

_BULLET = r"(?:[-*+•‣◦–]|\(?(?:\d{1,3}|[a-zA-Z])[.)])[ \t]+\S"
_ITEM = re.compile(rf"^([ \t]*){_BULLET}", re.MULTILINE)
_UNDERLINE = re.compile(r"^([=\-~^\"'`#*+_:.])\1{2,}$", re.MULTILINE)


def read_text(content: bytes, limits: Limits) -> tuple[str, None, list[Part], Metadata]:
    """
    Plain text as its text and its parts; it declares neither a title nor anything else of itself.

    Raises:
        Unreadable: It is no text, or too long.
    """
    text = tidy_text(content, limits)
    return text, None, bounded(plain_parts(text)), {}


def tidy_text(content: bytes, limits: Limits) -> str:
    """
    The text that these bytes are, as it is stored.

    Raises:
        Unreadable: They are no text (`binary`), or too long a one (`oversized`).
    """
    text = tidy(decode(content)).strip("\n")
    if len(text) > limits.characters:
        raise too_long(limits.characters)
    return text


def decode(content: bytes, *, declared: str | None = None) -> str:
    """
    Bytes as text: by their byte order mark, as UTF-8, by the encoding they declare, or by their statistics.

    UTF-8 comes before a declaration: other bytes are hardly ever valid UTF-8 by chance, and declarations are often
    left over from a template.

    Raises:
        Unreadable: These are not the bytes of a text (`binary`).
    """
    if content.startswith(_NOT_TEXT):
        raise Unreadable("binary", _BINARY)
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            return _legible(content[len(mark) :].decode(encoding, "replace"))
    if b"\x00" not in content[:_SAMPLE]:
        seven_bit = "iso2022_jp" if b"\x1b$" in content[:_SAMPLE] else None
        for encoding in filter(None, (seven_bit, "utf-8", declared)):
            try:
                return content.decode(encoding)
            except (UnicodeDecodeError, LookupError):
                continue
        return content.decode(_guess(content[:_SAMPLE]), "replace")
    if wide := _without_mark(content[:_SAMPLE]):
        return _legible(content.decode(wide, "replace"))
    if _is_text_with_nuls(content[:_SAMPLE]):
        return content.decode("utf-8", "replace")
    raise Unreadable("binary", _BINARY)


def _legible(text: str) -> str:
    """The text, unless much of it could not be decoded: then it is none, whatever its first bytes say."""
    if text.count("\ufffd") * _LEGIBLE > len(text):
        raise Unreadable("binary", _BINARY)
    return text


def tidy(text: str) -> str:
    """
    Unicode NFC, line feeds as line ends, no trailing blanks, no control, invisible or unpaired characters.

    Of the marks on one letter 30 are kept, which is more than any language has.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        if len(text.encode().translate(None, _ODD_ASCII)) < len(text):
            text = text.translate(_TRANSLATION)
    else:
        if _ODD.search(text):
            text = text.translate(_TRANSLATION)
        text = _with_few_marks(text)
        if not unicodedata.is_normalized("NFC", text):
            text = _with_few_marks(unicodedata.normalize("NFC", text))
    if " \n" in text or "\t\n" in text or text.endswith((" ", "\t")):
        text = strip_lines(text)
    return text


def _with_few_marks(text: str) -> str:
    """
    The text without the marks that are too many for one letter.

    Bringing the marks of a letter into their order takes time with the square of their number: a file of nothing but
    marks would take hours.  The bound is Unicode's own (UAX #15, Stream-Safe Text Format).
    """
    marks, too_many = _marks()
    if marks.isdisjoint(text[:: _MARKS_AT_MOST + 1]):  # so many in a row would be met by one of these looks
        return text
    return too_many.sub(lambda found: found[0][:_MARKS_AT_MOST], text)


@cache
def _marks() -> tuple[frozenset[str], re.Pattern[str]]:
    """Every character that is a mark on the one before it, or begins with one when it is taken apart."""
    below = map(chr, range(0x300, 0x1F000))
    marks = [mark for mark in below if unicodedata.combining(unicodedata.normalize("NFD", mark)[0])]
    return frozenset(marks), re.compile(f"[{''.join(marks)}]{{{_MARKS_AT_MOST + 1},}}")


def strip_lines(text: str) -> str:
    """The text without blanks at the ends of its lines."""
    return "\n".join([line.rstrip(" \t") for line in text.split("\n")])


def plain_parts(text: str) -> Iterator[Part]:
    """Paragraphs, list items, and lines that are underlined as headings."""
    marks: list[str] = []
    for start, end in paragraphs(text):
        if "\n" not in (paragraph := text[start:end]):
            item = _ITEM.match(paragraph)
            yield Part(start, end, "list_item", _depth(item)) if item else Part(start, end, "paragraph")
        elif _UNDERLINE.search(paragraph):
            yield from _underlined(text, start, end, marks)
        elif _ITEM.search(paragraph):
            yield from _items(paragraph, start)
        else:
            yield Part(start, end, "paragraph")


def paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """The spans between blank lines."""
    start = 0
    while (end := text.find("\n\n", start)) >= 0:
        if end > start:
            yield start, end
        start = end + 2
        while text.startswith("\n", start):
            start += 1
    if start < len(text):
        yield start, len(text)


def first_line(text: str, *, at_most: int = 200) -> str:
    """The first line that holds a word, shortened at a word."""
    for start, end in paragraphs(text[:20_000]):
        for line in text[start:end].split("\n"):
            if any(map(str.isalpha, line)):
                return shorten(line, at_most)
    return ""


def shorten(line: str, at_most: int = 200) -> str:
    """The line made tidy, or its first words and an ellipsis."""
    line = " ".join(tidy(line[: at_most * 4]).split())
    if len(line) <= at_most:
        return line
    return line[: at_most - 1].rsplit(" ", 1)[0] + "…"


def _underlined(text: str, start: int, end: int, marks: list[str]) -> Iterator[Part]:
    """A paragraph in which some lines are underlined; a mark's level is the order of its first use."""
    body = start
    for mark in _UNDERLINE.finditer(text, start, end):
        line = text.rfind("\n", start, max(mark.start() - 1, start)) + 1 or start
        title = text[line : mark.start()].strip()
        if line < body or not title or len(title) > len(mark[0]) + 3:
            continue
        if mark[1] not in marks:
            marks.append(mark[1])
        if line > body:
            yield Part(body, line, "paragraph")
        yield Part(line, mark.end(), "heading", min(marks.index(mark[1]) + 1, 6), None, title)
        body = mark.end()
    if body < end:
        yield Part(body, end, "paragraph")


def _items(paragraph: str, offset: int) -> Iterator[Part]:
    """A paragraph whose lines are items, perhaps after a sentence that announces them."""
    starts = [(found.start(), _depth(found)) for found in _ITEM.finditer(paragraph)]
    if starts[0][0] > 0:
        yield Part(offset, offset + starts[0][0], "paragraph")
    ends = [start for start, _ in starts[1:]] + [len(paragraph)]
    for (start, level), end in zip(starts, ends, strict=True):
        yield Part(offset + start, offset + end, "list_item", level)


def _depth(item: re.Match[str]) -> int:
    """How deep an item lies, by the blanks before it, from 1."""
    return min(1 + len(item[1].expandtabs(4)) // 2, 6)


def _without_mark(sample: bytes) -> str | None:
    """UTF-16 without a mark: Latin, Cyrillic, Greek or Arabic text has a constant high byte at one side."""
    even, odd = sample[0::2].count(0), sample[1::2].count(0)
    half = len(sample) // 2
    if len(sample) < _WIDE_FROM:
        return None
    if odd > 0.3 * half and even < 0.05 * half:
        return "utf-16-le"
    if even > 0.3 * half and odd < 0.05 * half:
        return "utf-16-be"
    return None


def _is_text_with_nuls(sample: bytes) -> bool:
    """Text into which a few NULs have slipped, as database exports do."""
    controls = sum(map(sample.count, (bytes([code]) for code in (*range(9), *range(14, 27), *range(28, 32)))))
    if controls > max(4, 0.02 * len(sample)):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


def _guess(sample: bytes) -> str:
    """
    The legacy encoding that fits the bytes best.

    Western European where little tells: a handful of accents fits every alphabet, and Macintosh and DOS are not what
    people put into an inbox now.
    """
    import chardet

    if len(sample.translate(None, _ASCII)) < _TELLING:
        return "cp1252"
    guess = (chardet.detect(sample)["encoding"] or "cp1252").lower()
    try:
        return "cp1252" if guess.startswith(_OUTDATED) else codecs.lookup(guess).name
    except LookupError:
        return "cp1252"
