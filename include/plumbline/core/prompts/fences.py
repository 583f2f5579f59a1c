"""
Text by strangers stands between delimiters that it cannot close.

A value becomes `<name>`, a line break, the text as it is, a line break, `</name>`.  Where any value of the message
holds something that reads like a delimiter of one of its variables (in any case, spacing or width of letters, also with
invisible characters in between), the delimiters of the whole message get a number that none of them holds:
`<name-2>` … `</name-2>`.

Why it holds: the number is chosen after all values are known, and it is one that stands in none of them, so no value
can hold a delimiter of the message it is in, whatever it was made to hold.  Nothing is random: the same values give the
same bytes, hence the same key of an answer.  And the text is not escaped: quotes of it can be found in it again.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable


def fence_number(names: Collection[str], texts: Iterable[str]) -> int:
    """Return the smallest number whose delimiters, for these variables, stand in none of the texts.  Pure."""
    if not names:
        return 1
    # Possessive: a text of many spaces cannot make this slow.
    delimiter = re.compile(
        rf"<\s*+/?+\s*+(?:{'|'.join(map(re.escape, names))})(?:\s*+-\s*+([0-9]{{1,9}}))?(?![a-z0-9_])"
    )
    taken = {int(found[1] or 1) for text in texts for found in delimiter.finditer(_folded(text))}
    return next(number for number in itertools.count(1) if number not in taken)


def fenced(name: str, text: str, number: int) -> str:
    """Return the text between its delimiters.  Pure."""
    tag = name if number == 1 else f"{name}-{number}"
    return f"<{tag}>\n{text}\n</{tag}>"


def _folded(text: str) -> str:
    """What a reader may take for the same: wide letters, capitals, and letters with invisible ones in between."""
    if text.isascii():
        return text.lower()
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return unicodedata.normalize("NFKC", visible).casefold()
