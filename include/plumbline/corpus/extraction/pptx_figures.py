"""
Charts and diagrams of presentations, as tables and lists of the words and figures in them.

Both are read from their XML: `python-pptx` knows half of the kinds of charts, and no diagrams.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plumbline.corpus.extraction.builder import Builder
from plumbline.corpus.extraction.tables import add_table

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
_DGM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_BREAKS = {f"{_A}br": "\n", f"{_A}tab": "\t"}
_DEEPEST = 10
_PLACED = ("xVal", "yVal", "bubbleSize")
_NO_ITEMS = ("pres", "parTrans", "sibTrans")


def words(element: Any) -> str:
    """Return the words of a paragraph, those of its fields and equations too, with line feeds where lines break."""
    parts = element.iter(f"{_A}t", f"{_MATH}t", *_BREAKS)
    return "".join(_BREAKS.get(one.tag) or one.text or "" for one in parts)


def add_chart(builder: Builder, chart: Any, page: int) -> None:
    """Add the title of a chart and, for each kind of drawing in it, a table of its categories or points and series."""
    for title in chart.iterfind(f"{_C}chart/{_C}title"):
        builder.add(" ".join(map(words, title.iter(f"{_A}p"))), "paragraph", page=page)
    for plot in chart.iterfind(f"{_C}chart/{_C}plotArea/*"):
        series = plot.findall(f"{_C}ser")
        if any(one.find(f"{_C}xVal") is not None for one in series):
            add_table(builder, _points(series), page=page)
        elif series:
            add_table(builder, _by_category(series), page=page)


def add_diagram(builder: Builder, model: Any, page: int) -> None:
    """Add the items of a diagram, each below the one that it belongs to."""
    items = {
        one.get("modelId"): " ".join(" ".join(map(words, one.iter(f"{_A}p"))).split())
        for one in model.iter(f"{_DGM}pt")
        if one.get("type", "node") not in _NO_ITEMS
    }
    below: dict[str | None, list[tuple[int, str]]] = {}
    for link in model.iter(f"{_DGM}cxn"):
        if link.get("type", "parOf") == "parOf" and link.get("destId") in items:
            order = link.get("srcOrd", "0")
            below.setdefault(link.get("srcId"), []).append(
                (int(order) if order.isdecimal() else 0, link.get("destId"))
            )
    linked = {item for held in below.values() for _, item in held}
    told: set[str] = set()
    # What is in a circle hangs below nothing; it is told all the same, at the end.
    for start in [*(item for item in items if item not in linked), *items]:
        open_items = [(start, 0)]
        while open_items:
            item, depth = open_items.pop()
            if item in told:
                continue
            told.add(item)
            said = items[item]
            level = min(depth + bool(said), _DEEPEST)
            mark = "  " * (level - 1) + "- "
            builder.add(said, "list_item", level=max(level, 1), page=page, mark=mark)
            open_items += [(held, level) for _, held in sorted(below.get(item, ()), reverse=True)]


def _by_category(series: list[Any]) -> list[list[str]]:
    names: dict[int, str] = {}
    for one in series:
        for held in one.iterfind(f"{_C}cat"):
            level = next(held.iter(f"{_C}lvl"), held)  # the innermost of several comes first
            names = {**dict(_values(level)), **names}
    columns = [
        {place: value for held in one.iterfind(f"{_C}val") for place, value in _values(held)}
        for one in series
    ]
    places = sorted(names.keys() | {place for column in columns for place in column})
    rows = [
        [names.get(place, ""), *(_figure(column.get(place, "")) for column in columns)] for place in places
    ]
    return [["", *map(_name, series)], *rows]


def _points(series: list[Any]) -> Iterator[list[str]]:
    """A row for each point: the series that it is of, where it lies, and how large it is."""
    sized = any(one.find(f"{_C}bubbleSize") is not None for one in series)
    yield ["", "x", "y", *(["size"] if sized else [])]
    for one in series:
        columns = [
            {place: value for held in one.iterfind(f"{_C}{part}") for place, value in _values(held)}
            for part in _PLACED[: 2 + sized]
        ]
        for place in sorted({place for column in columns for place in column}):
            yield [_name(one), *(_figure(column.get(place, "")) for column in columns)]


def _name(series: Any) -> str:
    named = series.find(f"{_C}tx")
    return "" if named is None else " ".join(one.text or "" for one in named.iter(f"{_C}v"))


def _values(held: Any) -> Iterator[tuple[int, str]]:
    """The values as the chart last drew them, by their places; some may be missing."""
    for number, point in enumerate(held.iter(f"{_C}pt")):
        place = point.get("idx", "")
        value = point.find(f"{_C}v")
        if value is not None and value.text:
            yield int(place) if place.isdecimal() else number, value.text


def _figure(said: str) -> str:
    """A figure without the dust of binary fractions; what is none, as it is."""
    try:
        return f"{float(said):.12g}"
    except ValueError:
        return said
