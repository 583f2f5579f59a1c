"""
Markdown, as people write it: with front matter, HTML comments and template tags.

The stored text is the source without its front matter, its comments and its template tags.  What looks like a comment
or a tag inside a fenced code block is what the author wants to show, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

from plumbline.corpus.extraction.frontmatter import split_front_matter
from plumbline.corpus.extraction.model import BlockKind, Limits, Metadata, Part, bounded
from plumbline.corpus.extraction.text import plain_parts, shorten, tidy_text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_WINDOW = 200_000
_TOO_LONG = 400_000
_TOO_LONG_LINE = 200_000

_FREE_HEADING = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})|\n\n(?=#{1,6} )", re.MULTILINE)
# The line below a table's head.  Found here and not by the parser, which would make seven objects of each cell.
_DELIMITERS = re.compile(
    r"\n[ \t>]*+(?:\|[ \t]*+:?-++:?[ \t]*+\||\|?[ \t]*+:?-++:?[ \t]*+\|[ \t]*+:?-)[-:| \t]*+(?=\n|\Z)",
)

_OPENERS = re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,})|`[^`\n]{1,300}`|<!--|\{%-?", re.MULTILINE)
_PAIRS = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("comment", "raw")}
_QUOTED = re.compile(r"\"([^\"]*)\"|'([^']*)'|“([^”]*)”")
_SILENT_TAGS = frozenset(
    {"include", "include_relative", "if", "for", "assign", "set", "import", "extends", "block"}
)
_TAG_AT_MOST = 2_000

_LINK = re.compile(r"!?\[([^\]\[]*)\](?:\([^()\s]*(?:\s[^()]*)?\)|\[[^\]]*\])")
_MARKS = re.compile(r"(\*\*|__|\*|`+|~~)(?=\S)(.+?)(?<=\S)\1")
_ATTRIBUTES = re.compile(r"\s*\{[:#.][^{}]*\}\s*$")
_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")


def read_markdown(content: bytes, limits: Limits) -> tuple[str, str | None, list[Part], Metadata]:
    """
    Markdown as its text, its title if it declares one, its parts and its metadata.

    Raises:
        Unreadable: It is no text, or too long.
    """
    metadata, body = split_front_matter(tidy_text(content, limits))
    text = without_comments_and_tags(body).strip("\n")
    title = metadata.get("title")
    declared = shorten(str(title)) if title else None
    parts = bounded(_parts(text))
    headings = [part.title for part in parts if part.kind == "heading" and part.title]
    if declared and declared not in headings[:2]:
        # The page shows its title above the text; a reader, and a search, must find it there too.
        lead = f"# {declared}\n\n"
        text = lead + text
        moved = [part._replace(start=part.start + len(lead), end=part.end + len(lead)) for part in parts]
        parts = [Part(0, len(lead), "heading", 1, None, declared), *moved]
    return text, declared or (headings[0] if headings else None), parts, metadata


def without_comments_and_tags(source: str) -> str:
    """
    The source without `<!-- -->`, `{% comment %}` and template tags, outside code.

    A tag that prints something leaves its last quoted argument, which is its text or its address:
    `{% slack_channel "people-ops" %}` becomes `people-ops`.
    """
    if "<!--" not in source and "{%" not in source:
        return source
    kept: list[str] = []
    position = start = 0
    unclosed: set[str] = set()
    while opener := _OPENERS.search(source, position):
        if opener["fence"]:
            position = _end_of_fence(source, opener["fence"], opener.end())
            continue
        if opener[0].startswith("`") or opener[0] in unclosed:
            position = opener.end()
            continue
        end, shown = (
            _end_of_comment(source, opener) if opener[0] == "<!--" else _end_of_tag(source, opener, unclosed)
        )
        if end < 0:
            if opener[0] == "<!--":
                unclosed.add("<!--")
            position = opener.end()
            continue
        kept += (source[start : opener.start()], shown)
        start = position = end
    kept.append(source[start:])
    return "".join(kept)


def _end_of_fence(source: str, fence: str, after: int) -> int:
    closing = re.compile(rf"^ {{0,3}}{fence[0]}{{{len(fence)},}}[ \t]*$", re.MULTILINE)
    found = closing.search(source, after)
    return found.end() if found else len(source)


def _end_of_comment(source: str, opener: re.Match[str]) -> tuple[int, str]:
    end = source.find("-->", opener.end())
    return (end + 3, "") if end >= 0 else (-1, "")


def _end_of_tag(source: str, opener: re.Match[str], unclosed: set[str]) -> tuple[int, str]:
    end = source.find("%}", opener.end(), opener.end() + _TAG_AT_MOST)
    if end < 0:
        return -1, ""
    inside = source[opener.end() : end].strip("- \n\t")
    name, _, arguments = inside.partition(" ")
    end += 2
    if closes := _PAIRS.get(name):
        closing = None if name in unclosed else closes.search(source, end)
        if closing is None:
            unclosed.add(name)  # not looked for again: a file full of openings must stay linear
            return end, ""
        return closing.end(), source[end : closing.start()] if name == "raw" else ""
    if name in _SILENT_TAGS or name.startswith(("end", "els")):
        return end, ""
    quoted = ["".join(found) for found in _QUOTED.findall(arguments)]
    return end, next((word for word in reversed(quoted) if word), "")


def plain_title(source: str) -> str:
    """A heading's words, without emphasis, links, tags and attributes."""
    title = source[:2_000]
    title = _ATTRIBUTES.sub("", title)
    title = _TAGS.sub("", _LINK.sub(r"\1", title))
    for _ in range(3):
        title = _MARKS.sub(r"\2", title)
    return shorten(title.replace("\\", ""))


def _parts(text: str) -> Iterator[Part]:
    for start, end in _windows(text):
        window = text[start:end]
        # Nobody writes lines or sections like these by hand; paragraphs are structure enough, and memory stays flat.
        odd = len(window) > _TOO_LONG or max(map(len, window.split("\n"))) > _TOO_LONG_LINE
        for part in plain_parts(window) if odd else _parsed(window):
            yield part._replace(start=part.start + start, end=part.end + start) if start else part


def _windows(text: str) -> Iterator[tuple[int, int]]:
    """The text in pieces that can be parsed apart: a long one is cut before headings that stand free."""
    start = 0
    if len(text) > 2 * _WINDOW:
        position = 0
        while found := _FREE_HEADING.search(text, position):
            position = found.end()
            if found["fence"]:
                position = _end_of_fence(text, found["fence"], found.end())
            elif found.end() - start > _WINDOW:
                yield start, found.end()
                start = found.end()
    yield start, len(text)


def _parsed(text: str) -> Iterator[Part]:
    starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    inside: list[str] = []
    tokens = _parser().parse(text)
    for number, token in enumerate(tokens):
        if token.nesting > 0 and token.type in ("list_item_open", "blockquote_open"):
            inside.append(token.type)
        elif token.nesting < 0 and token.type in ("list_item_close", "blockquote_close"):
            inside.pop()
        if token.map and (kind := _KINDS.get(token.type)):
            start, end = starts[token.map[0]], min(starts[token.map[1]], len(text))
            if kind == "paragraph" and _DELIMITERS.search(text, start, end):
                kind = "table"
            yield _part(kind, start, end, tokens, number, inside)


_KINDS: dict[str, BlockKind] = {
    "heading_open": "heading",
    "paragraph_open": "paragraph",
    "fence": "code",
    "code_block": "code",
    "html_block": "paragraph",
}


def _part(kind: BlockKind, start: int, end: int, tokens: list[Token], number: int, inside: list[str]) -> Part:
    depth = inside.count("list_item_open")
    if kind == "heading" and not inside:
        title = plain_title(tokens[number + 1].content)
        return Part(start, end, "heading", int(tokens[number].tag[1]), None, title)
    if kind in ("paragraph", "heading"):
        if depth:
            return Part(start, end, "list_item", depth)
        return Part(start, end, "quote" if inside else "paragraph")
    return Part(start, end, kind, depth)


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser
