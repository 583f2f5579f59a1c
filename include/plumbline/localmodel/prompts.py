"""
What in a conversation is instruction, what is material, and what is asked.

A model that generates can blur these three; one that extracts must know them apart, because it may
only say what stands in the material.  Tags, fences, numbered passages and lines such as `Question:`
are the usual ways to part them, and each is understood here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from plumbline.localmodel.sentences import sentences
from plumbline.localmodel.support import Passage

_OPENING = re.compile(
    r"<([A-Za-z][\w-]{0,40})((?:\s+[\w-]+\s*=\s*(?:\"[^\"<]*\"|'[^'<]*'|[^\s<>]+)){0,8})\s*>"
)
_ATTRIBUTE = re.compile(r"([\w-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))")
_FENCE = re.compile(r"(```|\"\"\"|~~~)[a-z]*\n?(.*?)\1", re.DOTALL)
_HEADING = re.compile(
    r"^[#* \t]{0,8}(?:(?P<question>question|query|frage|pregunta|domanda)|"
    r"(?P<material>context|text|document|documents|passages|sources|ticket|message|e-?mail|content|input|material|"
    r"note|transcript|kontext|texte|contexte|texto|contexto|testo))[* \t]*:[*]*[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERED = re.compile(r"^\[([\w.:-]{1,64})\][ \t]*", re.MULTILINE)
_ASKING = re.compile(r"[?？]\s*[\"'”’)]*\s*$")
_SUMMARY = re.compile(
    r"\b(?:summar\w*|tl;?dr|zusammenfass\w*|fasse\b|résum\w*|resum\w+|riassum\w*|key points|main points|overview)\b|"
    r"摘要|总结",
    re.IGNORECASE,
)

ASKED = frozenset({"question", "query", "ask", "user_question"})
TOLD = frozenset({"instructions", "instruction", "task", "rules", "labels", "categories", "schema", "format"})
HELD = frozenset(
    {
        "article", "body", "chunk", "content", "context", "conversation", "customer_message", "data", "description",
        "doc", "document", "documents", "email", "excerpt", "facts", "input", "material", "message", "note", "notes",
        "paragraph", "passage", "passages", "quote", "record", "review", "snippet", "source", "sources", "subject",
        "text", "ticket", "tickets", "title", "transcript", "user_input", "user_message",
    }
)  # fmt: skip
DEEPEST = 4
"""Tags within tags that are told apart."""
NAMING = ("id", "source_id", "chunk_id", "document_id", "ref", "name", "number", "index", "n")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation, understood."""

    instructions: str
    passages: list[Passage]
    question: str
    examples: list[tuple[str, Any]] = field(default_factory=list)
    """Earlier texts with the JSON an assistant answered them with."""

    @property
    def wants_summary(self) -> bool:
        """Whether a summary is asked for, and nothing more precise."""
        return not self.question and _SUMMARY.search(self.instructions) is not None


@dataclass(frozen=True, slots=True)
class _Tag:
    kind: str
    name: str | None
    inside: str
    start: int
    end: int


@dataclass(slots=True)
class _Parts:
    instructions: list[str] = field(default_factory=list)
    passages: list[Passage] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


def read_prompt(messages: Sequence[Mapping[str, Any]]) -> Prompt:
    """Understand a checked conversation.  Pure."""
    said = [(str(message["role"]), text_of_message(message)) for message in messages]
    last = max((i for i, (role, _) in enumerate(said) if role == "user"), default=len(said) - 1)
    parts, examples = _Parts(), []
    for number, (role, text) in enumerate(said):
        if number == last:
            continue
        if role in ("system", "developer"):
            _read_system(text, parts)
        elif role == "tool":
            parts.passages.append(Passage(text))
        elif (
            role == "assistant"
            and number
            and said[number - 1][0] == "user"
            and (answer := _json_object(text))
        ):
            examples.append((said[number - 1][1], answer))
    if not examples:
        parts.passages += [Passage(text) for role, text in said[:last] if role == "user"]
    _read_user(said[last][1], parts)
    return Prompt(
        "\n".join(parts.instructions),
        [passage for passage in parts.passages if passage.text.strip()],
        "\n".join(parts.questions).strip(),
        examples,
    )


def text_of_message(message: Mapping[str, Any]) -> str:
    """The text of a message whose content is a string, parts, or absent."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "\n".join(str(part.get("text") or part.get("refusal") or "") for part in content)


def _read_system(text: str, parts: _Parts) -> None:
    """Instructions, except what stands in tags that hold material."""
    for told, held in _tagged(text, parts):
        parts.instructions.append(told)
        parts.passages += held


def _read_user(text: str, parts: _Parts) -> None:
    before = len(parts.passages)
    outside = []
    for told, held in _tagged(text, parts):
        outside.append(told)
        parts.passages += held
    rest = "\n".join(outside).strip()
    fenced = [match[2] for match in _FENCE.finditer(rest)]
    if fenced:
        parts.passages += [Passage(inside) for inside in fenced]
        rest = _FENCE.sub("\n", rest).strip()
    rest = _read_headings(rest, parts)
    if len(parts.passages) > before or fenced:
        _tell(rest, parts)
    else:
        _read_plain(rest, parts, alone=before == 0)


def _tagged(text: str, parts: _Parts) -> Iterator[tuple[str, list[Passage]]]:
    """The text between tags, and the passages of the tag that follows it."""
    at = 0
    for tag in _tags(text):
        held: list[Passage] = []
        if tag.kind in ASKED:
            parts.questions.append(tag.inside.strip())
        elif tag.kind in TOLD:
            parts.instructions.append(tag.inside)
        else:
            held = _held(tag.inside, tag.name)
        yield text[at : tag.start], held
        at = tag.end
    yield text[at:], []


def _tags(text: str) -> Iterator[_Tag]:
    """The outermost tags that mean something here, in order; any other is part of the text."""
    at, unclosed = 0, set()
    while match := _OPENING.search(text, at):
        kind, name = match[1].lower(), _name(_attributes(match[2]))
        closing = f"</{match[1]}>"
        means = bool(name) or kind in ASKED | TOLD | HELD
        end = text.find(closing, match.end()) if means and closing not in unclosed else -1
        if end >= 0:
            yield _Tag(kind, name, text[match.end() : end], match.start(), end + len(closing))
        elif means:
            unclosed.add(closing)
        at = end + len(closing) if end >= 0 else match.end()


def _held(text: str, name: str | None, depth: int = 0) -> list[Passage]:
    """The passages inside one tag: those in tags of their own, or numbered, or the whole of it."""
    inner = [tag for tag in _tags(text) if tag.name or tag.kind in HELD] if depth < DEEPEST else []
    if inner:
        return [passage for tag in inner for passage in _held(tag.inside, tag.name or name, depth + 1)]
    return _numbered(text) or [Passage(text.strip("\n"), name)]


def _numbered(text: str) -> list[Passage]:
    """Passages that begin with `[name]` at the start of a line."""
    marks = list(_NUMBERED.finditer(text))
    ends = [*(mark.start() for mark in marks[1:]), len(text)] if marks else []
    return [Passage(text[mark.end() : end].strip(), mark[1]) for mark, end in zip(marks, ends, strict=True)]


def _read_headings(text: str, parts: _Parts) -> str:
    """Take out what stands under `Question:` and `Context:`; return what stands before them."""
    marks = list(_HEADING.finditer(text))
    if not any(mark["question"] for mark in marks) and not (marks and _alone(text, marks[0])):
        return text
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    for mark, end in zip(marks, ends, strict=True):
        inside = text[mark.end() : end].strip()
        if mark["question"]:
            question, _, following = inside.partition("\n\n")
            parts.questions.append(question)
            parts.passages += [Passage(following)] if following.strip() else []
        else:
            parts.passages += _numbered(inside) or [Passage(inside)]
    return text[: marks[0].start()].strip()


def _alone(text: str, mark: re.Match[str]) -> bool:
    """Whether a heading opens the material: nothing, or an instruction, stands before it."""
    before = text[: mark.start()].strip()
    return not before or before.endswith((":", ".", "?", "!"))


def _read_plain(text: str, parts: _Parts, *, alone: bool) -> None:
    """A message without any mark: an opening line with a colon instructs, a closing question asks."""
    opening, parted, following = text.partition("\n\n")
    if not parted:
        opening, parted, following = text.partition("\n")
    if parted and opening.rstrip().endswith(":"):
        _tell(opening, parts)
        text = following
    found = sentences(text)
    if found and _ASKING.search(found[-1].text):
        parts.questions.append(found[-1].text)
        if len(found) > 1 or not alone:
            text = text[: found[-1].start]
    numbered = _numbered(text)
    if numbered and (before := text[: text.index("[")].strip()):
        _tell(before, parts)
    parts.passages += numbered or [Passage(text)]


def _tell(text: str, parts: _Parts) -> None:
    """Words around the material: a question if they end as one, otherwise instructions."""
    found = sentences(text)
    asking = [sentence.text for sentence in found if _ASKING.search(sentence.text)]
    if asking and not parts.questions:
        parts.questions.append(asking[-1])
    parts.instructions.append(text)


def _attributes(text: str) -> dict[str, str]:
    return {match[1].lower(): match[2] or match[3] or match[4] or "" for match in _ATTRIBUTE.finditer(text)}


def _name(attributes: Mapping[str, str]) -> str | None:
    return next((attributes[name] for name in NAMING if attributes.get(name)), None)


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None
