"""
How much personal data is found, and at what cost: `python -m benchmarks privacy --file F.jsonl --json`.

The file has a text a line, {text, spans: [{start, end, type}]}; `privacy_kinds.toml` says what its types are to us.
A span is found when one of ours of the same kind covers more than half of its characters; ours is right when it covers
a labelled one so.  That is the headline; `exact` counts only spans with the same two ends.

`structured` are the kinds with a form (card, telephone, …), found without any list.  Names and places are found by the
company's own customer list and by nothing else: `names` and `places` say what a list would give whose entries come
from every other line, measured on the lines between; `all_listed` what it would give if every labelled value were in
it (one word alone is never listed); without a list, recall is 0.  What cannot be said is null.

`cpu_s` is the CPU time of the structured kinds over the file.  With `--documents DIR`, `prose` says what texts cost in
which there is little to find, in pieces of 1,800 characters: without a list, and with one of 100,000 names.
"""

from __future__ import annotations

import argparse
import json
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.machine import machine
from plumbline.privacy.detection import find
from plumbline.privacy.listed import refusal
from plumbline.privacy.matching import Listed, Matcher

_KINDS = Path(__file__).parent / "privacy_kinds.toml"
_PIECE = 1800
_NAMES = 100_000


class _Place(NamedTuple):
    """Where something is, and what."""

    start: int
    end: int
    kind: str


class _Line(NamedTuple):
    """One text with what is labelled in it."""

    text: str
    spans: tuple[tuple[int, int, str], ...]

    def labelled(self, kinds: dict[str, str]) -> list[_Place]:
        """What is labelled, in our kinds."""
        return [_Place(start, end, kinds[kind]) for start, end, kind in self.spans if kind in kinds]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--file", type=Path, required=True, help="JSON lines {text, spans: [{start, end, type}]}"
    )
    parser.add_argument(
        "--documents", type=Path, help="folder of plain texts, to measure the cost of finding nothing"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and return the figures."""
    kinds = tomllib.loads(_KINDS.read_text(encoding="utf-8"))
    lines = list(_lines(options.file))
    began = time.process_time()
    found = [[_Place(span.start, span.end, span.kind) for span in find(line.text)] for line in lines]
    cpu = time.process_time() - began
    known = set(kinds["structured"].values())
    ours = [[place for place in places if place.kind in known] for places in found]
    figures = {
        "file": options.file.name,
        "texts": len(lines),
        "characters": sum(len(line.text) for line in lines),
        "structured": _by_kind([line.labelled(kinds["structured"]) for line in lines], ours),
        "names": _listed(lines, kinds["names"]),
        "places": _listed(lines, kinds["places"]),
        "cpu_s": round(cpu, 3),
    }
    if options.documents:
        figures["prose"] = _prose(options.documents)
    return {**figures, "machine": machine()}


def judge(labelled: Sequence[Sequence[_Place]], ours: Sequence[Sequence[_Place]]) -> dict[str, Any]:
    """Return precision, recall and F1 by overlap, and the same for exact ends.  Pure."""
    exact = _figures(labelled, ours, lambda left, right: left == right)
    return {**_figures(labelled, ours, _covers), "exact": exact}


def _figures(
    labelled: Sequence[Sequence[_Place]],
    ours: Sequence[Sequence[_Place]],
    same: Callable[[_Place, _Place], bool],
) -> dict[str, Any]:
    pairs = list(zip(labelled, ours, strict=True))
    right = sum(any(same(one, mine) for one in truth) for truth, found in pairs for mine in found)
    found = sum(map(len, ours))
    met = sum(any(same(one, mine) for mine in mines) for truth, mines in pairs for one in truth)
    total = sum(map(len, labelled))
    precision, recall = _share(right, found), _share(met, total)
    return {
        "labelled": total,
        "precision": precision,
        "recall": recall,
        "f1": _mean(precision, recall, total),
    }


def _share(part: int, whole: int) -> float | None:
    """A share; None of nothing."""
    return round(part / whole, 4) if whole else None


def _mean(precision: float | None, recall: float | None, labelled: int) -> float | None:
    """The harmonic mean; 0 where all that is labelled was missed, None where nothing is."""
    if not labelled:
        return None
    return round(2 * precision * recall / (precision + recall), 4) if precision and recall else 0.0


def _covers(one: _Place, mine: _Place) -> bool:
    shared = min(one.end, mine.end) - max(one.start, mine.start)
    return one.kind == mine.kind and 2 * shared > one.end - one.start


def _by_kind(labelled: list[list[_Place]], ours: list[list[_Place]]) -> dict[str, Any]:
    kinds = sorted({place.kind for places in (*labelled, *ours) for place in places})

    def only(kind: str, places: list[list[_Place]]) -> list[list[_Place]]:
        return [[place for place in some if place.kind == kind] for some in places]

    by_kind = {kind: judge(only(kind, labelled), only(kind, ours)) for kind in kinds}
    return {**judge(labelled, ours), "by_kind": by_kind}


def _listed(lines: list[_Line], kinds: dict[str, str]) -> dict[str, Any]:
    """What a list would find: of every other line's values, on the lines between; and of all values, on all lines."""
    half = _found_by(lines[::2], lines[1::2], kinds)
    return {**half, "all_listed": _found_by(lines, lines, kinds)}


def _found_by(known: list[_Line], asked: list[_Line], kinds: dict[str, str]) -> dict[str, Any]:
    values = {
        Listed(place.kind, " ".join(line.text[place.start : place.end].split()))
        for line in known
        for place in line.labelled(kinds)
    }
    entries = [value for value in sorted(values) if refusal(*value) is None]
    matcher = Matcher(entries)
    ours = [[_Place(span.start, span.end, span.kind) for span in matcher.find(line.text)] for line in asked]
    return {"entries": len(entries), **judge([line.labelled(kinds) for line in asked], ours)}


def _prose(folder: Path) -> dict[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    pieces = [text[start : start + _PIECE] for text in texts for start in range(0, len(text), _PIECE)]
    words = sorted({word for text in texts[:200] for word in text.split() if word.isalpha()})[:1000] or [
        "word"
    ]
    names = [
        f"{words[number % len(words)]} Name{number // len(words)}of{number % 97}" for number in range(_NAMES)
    ]
    matcher = Matcher(Listed("name", name) for name in names)
    return {
        "documents": len(texts),
        "megabytes": round(sum(len(text.encode()) for text in texts) / 1e6, 1),
        "found": sum(len(find(piece)) for piece in pieces),
        "cpu_s": _cpu(find, pieces),
        "cpu_s_with_100000_names": _cpu(lambda piece: find(piece, matcher.find(piece)), pieces),
    }


def _cpu(work: Callable[[str], object], pieces: Iterable[str]) -> float:
    began = time.process_time()
    for piece in pieces:
        work(piece)
    return round(time.process_time() - began, 3)


def _lines(path: Path) -> Iterator[_Line]:
    with path.open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            spans = tuple((span["start"], span["end"], span["type"]) for span in row["spans"])
            yield _Line(row["text"], spans)
