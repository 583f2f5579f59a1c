"""
Text as sentences and words, with the exact place of each sentence.

Everything this server says is copied from the text it was given; a sentence is therefore a span of
that text, never a cleaned copy, so that a citation can be found again letter for letter.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_COMMON = """
    a an and are as at be been being but by can could did do does for from had has have how i if in into is it its
    me my of on or our shall should so that the their them then there these they this those to us was we were what
    when where which who whom whose why will with would you your
    aber als am an auch auf aus bei bin bis das dem den der des die ein eine einem einen einer eines er es für hat
    haben ich ihr ihre im in ist kann man mein meine mit nach nicht noch nur oder sein sich sie sind so um und uns
    unser von vor war was wann warum welche welcher welches wenn wer wie wir wird wo zu zum zur
    au aux avec ce ces cette comment dans de des du elle en est et il je la le les leur mais ma mes mon ne nous on
    ou par pas pour pourquoi quand que quel quelle quels qui sa se ses son sont sur un une vous
    al como con cual cuando de del donde el ella en entre era es esta este fue ha la las lo los mi no nos para pero
    por porque que quien se ser si sin su sus un una y yo
    alla che chi come con cosa da dal dei del della di dove gli il io le nel non per perché quale quando sono sul tra
"""
STOP_WORDS = frozenset(_COMMON.split())
"""English, German, French, Spanish and Italian words that say nothing about the matter."""

_UNIT = re.compile(r"[^\n]+")
_ITEM = re.compile(r"[ \t]*(?:[-*•–—>|#]+|\(?\d{1,3}[.)]|\[\d{1,3}\])\s")
_FIELD = re.compile(r"[ \t]*[^\s:][^:\n]{0,40}:\s")
_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+\s+(?=[\"'“‘(\[]*[A-ZÀ-ÖØ-ÞΑ-ΩА-Я0-9¿¡])|(?<![。！？])[。！？]++[」』”）]*"
)
_ABBREVIATED = re.compile(
    r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St|Nr|No|vs|etc|approx|ca|bzw|inkl|evtl|Abs|Art|vol|Inc|Ltd|Co|Corp|[A-Za-z])|"
    r"\b(?:e\.g|i\.e|z\.B|d\.h|u\.a|p\.ej))\.\s+$"
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_IDEOGRAPHIC = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_ENDINGS = (("ies", "y"), ("ied", "y"), ("ing", ""), ("ed", ""), ("s", ""))
SHORTEST_STEM = 3
SHORT_LINE = 60
"""A line shorter than this was ended by its writer, not by the width of a page."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """`text` is exactly the characters from `start` to `end` of the text it was found in."""

    text: str
    start: int
    end: int


def sentences(text: str, offset: int = 0) -> list[Sentence]:
    """The sentences, list items, headings and table rows of `text`, in order; blank ones left out."""
    found = []
    for start, end in _units(text):
        begin = start
        for match in _END.finditer(text, start, end):
            if _ABBREVIATED.search(text, max(start, match.start() - 8), match.end()):
                continue
            found.append((begin, match.end()))
            begin = match.end()
        found.append((begin, end))
    return [_trimmed(text, start, end, offset) for start, end in found if text[start:end].strip()]


def words(text: str) -> list[str]:
    """
    The stems of the words that carry meaning.

    Chinese and Japanese, which do not part their words, give pairs of characters.
    """
    found: list[str] = []
    for word in _WORD.findall(text.lower()):
        if _IDEOGRAPHIC.search(word):
            found += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
        elif word not in STOP_WORDS:
            found.append(stem(word))
    return found


def stem(word: str) -> str:
    """
    A word without its commonest endings, cut to six letters: rough, and the same for every language.

    `shipping` and `ships` are `ship`, `died` is `die`, `charges` and `charged` are `charg`.
    """
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_STEM:
            word = word[: -len(ending)] + instead
            if ending in ("ing", "ed") and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    else:
        word = word[:-1] if word.endswith("ed") else word
    if len(word) > SHORTEST_STEM + 1 and word.endswith("e"):
        word = word[:-1]
    return word[:6]


def content(text: str) -> str:
    """`text` without the words that say nothing about the matter; `text` itself if nothing else is in it."""
    kept = [word for word in _WORD.findall(text) if word.lower() not in STOP_WORDS]
    return " ".join(kept) or text


def is_ideographic(text: str) -> bool:
    """Whether `text` is written, for the most part, in Chinese or Japanese."""
    return 2 * len(_IDEOGRAPHIC.findall(text)) > sum(not character.isspace() for character in text)


def readable(name: str) -> str:
    """A field or label name as words: `orderNumber`, `order_number` and `order-number` -> `order number`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.sub(r"[_\-./\s]+", " ", spaced).strip().lower()


def _units(text: str) -> list[tuple[int, int]]:
    """Lines, with those that only the page's width had parted put together again."""
    units: list[tuple[int, int]] = []
    previous = ""
    for match in _UNIT.finditer(text):
        line = match[0]
        if units and text[units[-1][1] : match.start()] == "\n" and _goes_on(previous, line):
            units[-1] = (units[-1][0], match.end())
        else:
            units.append(match.span())
        previous = line
    return units


def _goes_on(line: str, following: str) -> bool:
    ended = line.rstrip().endswith((".", "!", "?", ":", "。", "！", "？", "|"))
    broken_here = len(line.strip()) < SHORT_LINE or ended
    return not broken_here and not _ITEM.match(following) and not _FIELD.match(following)


def _trimmed(text: str, start: int, end: int, offset: int) -> Sentence:
    while text[start].isspace():
        start += 1
    while text[end - 1].isspace():
        end -= 1
    return Sentence(text[start:end], start + offset, end + offset)
