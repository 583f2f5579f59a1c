"""
The words of a text, as lexical search counts them.

Promises:

- A document and a query are cut in the same way, so what was written can be found as it was written: words by their
  stem in their language, numbers and identifiers whole and in parts, Chinese, Japanese and Korean in pairs of
  characters.
- How often a term occurs survives in the tsvector: a term has as many positions as occurrences (to 255; none, for one),
  and the search function reads that number back for an exact BM25.
- It is cheap: each distinct word of a language is looked at once and remembered, within bounds.

If documents and queries were cut differently, search would go on and quietly find less.
"""

from __future__ import annotations

import re
import struct
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.adapt import Dumper
from psycopg.pq import Format

if TYPE_CHECKING:
    from psycopg.abc import AdaptContext

STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "eu": "basque",
    "fa": "persian",
    "fi": "finnish",
    "fr": "french",
    "ga": "irish",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sr": "serbian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
    "yi": "yiddish",
}
"""ISO 639-1 code to the stemmer's name; a language without one keeps its words as they are."""

MOST_OCCURRENCES = 255
"""As many positions as a tsvector can hold of one term."""

TSVECTOR_OID = 3614

_LONGEST = 80  # characters; what is longer is data, not a word
_REMEMBERED = 100_000  # distinct words a language

# ASCII that never belongs to a word becomes a space; what may join the parts of an identifier or a number stays.
_TO_SPACE = bytes(
    code if not chr(code).isascii() or chr(code).isalnum() or chr(code) in "_-.,@+#" else 32
    for code in range(256)
)

# Scripts written without spaces (Korean has spaces, and particles grown on to its words): cut into runs of characters.
_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PAIRED = _HAN + "\u3041-\u30ff\u31f0-\u31ff\uac00-\ud7a3"
_TRIPLED = "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u104f\u1780-\u17d3"
# Vowel signs and the like, which Python does not count as parts of a word.
_INDIC = "\u0900-\u0963\u0966-\u0d7f\u0d80-\u0dff"
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u064b-\u065f\u0670\u06d6-\u06ed" + _INDIC
_PIECE = re.compile(f"([{_PAIRED}]+)|([{_TRIPLED}]+)|(?:[^\\W_{_PAIRED}{_TRIPLED}]|[{_MARKS}])+")
_NUMBER = re.compile(r"\d[\d.,]*")
_SIGNED = re.compile(r"[A-Za-z](?:\+\+|#)")
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05bd\u0640\u064b-\u065f\u0670]")
# Most terms occur once; without a position they count the same and take half the room.
_POSITIONS = [b"", struct.pack("!H", 0)] + [
    struct.pack(f"!H{number}H", number, *range(1, number + 1)) for number in range(2, MOST_OCCURRENCES + 1)
]


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a text: how many there are in all, and how often each occurs (in UTF-8, ended by a zero byte)."""

    length: int
    occurrences: Mapping[bytes, int]

    @property
    def counts(self) -> dict[str, int]:
        """How often each term occurs."""
        return {term[:-1].decode(): number for term, number in self.occurrences.items()}

    def tsvector(self) -> bytes:
        """Return the tsvector in the binary form of COPY."""
        terms, numbers = self.occurrences, self.occurrences.values()
        lexemes = [b""] * (2 * len(terms))
        lexemes[::2] = terms
        try:
            lexemes[1::2] = map(_POSITIONS.__getitem__, numbers)
        except IndexError:
            lexemes[1::2] = [_POSITIONS[min(MOST_OCCURRENCES, number)] for number in numbers]
        return len(terms).to_bytes(4, "big") + b"".join(lexemes)


class TermsDumper(Dumper):
    """Hands Terms to Postgres as a tsvector."""

    format = Format.BINARY
    oid = TSVECTOR_OID

    def dump(self, obj: Terms) -> bytes:
        """Return the binary form."""
        return obj.tsvector()


def register(context: AdaptContext) -> None:
    """Let a connection or cursor take Terms for a tsvector (in COPY: `copy.set_types([…, "tsvector"])`)."""
    context.adapters.register_dumper(Terms, TermsDumper)


def analyse(text: str, language: str) -> Terms:
    """
    Return the terms of a text in a language (ISO 639-1; "und" and unknown ones are cut, not stemmed).

    Stop words of the language are left out.
    """
    known = _vocabulary(language)
    # Counting and looking up run in C; only words of no term or of several are handled one by one.
    counts: Counter[Any] = Counter(map(known.__getitem__, _words(text.encode())))
    for terms in [entry for entry in counts if entry.__class__ is tuple]:
        number = counts.pop(terms)
        for term in terms:
            counts[term] += number
    return Terms(sum(counts.values()), counts)


def chunk_terms(text: str, language: str, above: Iterable[str] = ()) -> Terms:
    """
    Return the terms of a chunk and of what stands above it: the title of the document, the headings.

    A reader has these in mind and a question often names them, so their words count once more, also where the chunk
    holds them.  This costs no embedding: only `text` is embedded.
    """
    return analyse("\n".join((*dict.fromkeys(above), text)), language)


def query_terms(text: str, languages: Iterable[str]) -> list[str]:
    """
    Return the terms to look for, each word once, in the order of the query.

    A short query does not tell its language for sure, so each word is looked for in the forms that it takes in all the
    given languages; where they differ, they stand in one string, separated by spaces.  The first language is the
    likeliest: its stop words are left out.
    """
    vocabularies = [_vocabulary(language) for language in dict.fromkeys(languages)]
    found: dict[str, None] = {}
    for word in _words(text.encode("utf-8", "ignore")):
        forms = [
            entry if isinstance(entry, tuple) else (entry,)
            for entry in (known[word] for known in vocabularies)
        ]
        for place, first in enumerate(forms[0] if forms else ()):
            alternatives = dict.fromkeys(
                (first, *(form[place] for form in forms[1:] if len(form) == len(forms[0])))
            )
            found[" ".join(term[:-1].decode() for term in alternatives)] = None
    return list(found)


def _words(text: bytes) -> list[bytes]:
    """Cut at what never belongs to a word; without the stops of sentences, most words are met in one form only."""
    return text.translate(_TO_SPACE).replace(b", ", b" ").replace(b". ", b" ").split()


class _Vocabulary(dict[bytes, "bytes | tuple[bytes, ...]"]):
    """The words of one language that were met: each with its term, or a tuple where it has none or several."""

    def __init__(self, language: str) -> None:
        import Stemmer

        self._turkish = language in ("tr", "az")
        self._stop = stop_words(language)
        name = STEMMERS.get(language)
        self._stem = Stemmer.Stemmer(name, 0).stemWord if name else str

    def __missing__(self, word: bytes) -> bytes | tuple[bytes, ...]:
        """Find the terms of a word and remember them."""
        terms = tuple([term.encode() + b"\0" for term in self._terms(word.decode())])
        entry = terms[0] if len(terms) == 1 else terms
        if len(self) >= _REMEMBERED:
            self.clear()
        if len(word) <= _LONGEST:
            self[word] = entry
        return entry

    def _terms(self, word: str) -> list[str]:
        if (
            len(word) <= _LONGEST and word.isascii() and word.isalpha()
        ):  # most words: nothing to cut or to fold
            word = word.lower()
            return [] if word in self._stop else [self._stem(word)]
        word = word.strip("_-.,@") if word[-1] not in "+#" else word
        if not word.isascii():
            word = unicodedata.normalize("NFKC", word)
            if self._turkish:
                word = word.replace("I", "ı").replace("İ", "i")
        elif _NUMBER.fullmatch(word):
            return [word.replace(",", "")]
        elif _SIGNED.fullmatch(word):
            return [word.lower()]
        return self._cut(word.lower())

    def _cut(self, word: str) -> list[str]:
        terms: list[str] = []
        pieces: list[str] = []
        for piece in _PIECE.finditer(word):
            if piece[1] or piece[2]:
                terms += _runs(piece[0], 2 if piece[1] else 3)
            elif len(piece[0]) <= _LONGEST:
                pieces.append(piece[0])
        if len(pieces) > 1 and _is_one(word, pieces):
            terms.append(self._stemmed("".join(pieces)))
            pieces = [piece for piece in pieces if len(piece) > 1 or piece.isdigit()]
        terms += [self._stemmed(piece) for piece in pieces if piece not in self._stop]
        return list(filter(None, terms))

    def _stemmed(self, piece: str) -> str:
        if piece.isascii() and any(map(str.isdigit, piece)):
            return piece
        return folded(self._stem(piece))


def folded(word: str) -> str:
    """Return a word without accents and vowel points, for people leave them out."""
    if word.isascii():
        return word
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", word))
    return unicodedata.normalize("NFC", bare).replace("ı", "i").replace("ß", "ss")


def _is_one(word: str, pieces: Iterable[str]) -> bool:
    """Whether a word of several pieces is known as a whole too: max_connections, AB-1234, v2.0, a@b.example, e-mail."""
    if any(map(word.__contains__, "_.@")):
        return True
    return "-" in word and any(len(piece) == 1 or any(map(str.isdigit, piece)) for piece in pieces)


def _runs(characters: str, length: int) -> list[str]:
    """All runs of so many characters, or the whole where it is shorter."""
    return [characters[at : at + length] for at in range(max(1, len(characters) - length + 1))]


@cache
def _vocabulary(language: str) -> _Vocabulary:
    return _Vocabulary(language)


@cache
def stop_words(language: str) -> frozenset[str]:
    """Return the words of a language that say nothing, with and without accents; none where we have no list."""
    lines = (Path(__file__).parent / "stopwords.txt").read_text(encoding="utf-8").splitlines()
    lists = dict(line.split(": ", 1) for line in lines if line and not line.startswith("#"))
    words = lists.get(language, "").split()
    return frozenset((*words, *map(folded, words)))
