"""Files that are made wrong, or right, on purpose."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    """A function that makes a PDF of the content streams of its pages."""
    return pdf


@pytest.fixture(scope="session")
def page_of() -> Callable[..., bytes]:
    """A function that makes the content stream of a page with some lines."""
    return lines


def pdf(
    *pages: bytes,
    compressed: bytes | None = None,
    picture: bool = False,
    shared: int = 0,
    information: bytes = b"",
) -> bytes:
    """A small PDF whose pages have these content streams; `shared` pages have the first of them."""
    streams = [compressed] if compressed is not None else [zlib.compress(page) for page in pages]
    count = shared or len(streams)
    first = 4 + len(streams)
    kids = b" ".join(b"%d 0 R" % (first + number) for number in range(count))
    drawn = b"/XObject<</I %d 0 R>>" % (first + count) if picture else b""
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, count),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        *(b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(body), body) for body in streams),
        *(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents %d 0 R/Resources<</Font<</F 3 0 R>>%s>>>>"
            % (4 if shared else 4 + number, drawn)
            for number in range(count)
        ),
    ]
    if picture:
        bodies.append(
            b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8/Length 1>>"
            b"stream\n\x80\nendstream"
        )
    about = b""
    if information:
        bodies.append(b"<<%s>>" % information)
        about = b"/Info %d 0 R" % len(bodies)
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        made
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(bodies) + 1, table)
        + b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(bodies) + 1, about, len(made))
    )


def lines(*said: str, size: int = 12, top: int = 700, step: int = 14) -> bytes:
    """The content stream of a page with these lines, one below the other."""
    shown = b"".join(
        b"1 0 0 1 72 %d Tm (%s) Tj\n" % (top - step * number, line.encode("latin-1"))
        for number, line in enumerate(said)
    )
    return b"BT /F %d Tf\n%sET\n" % (size, shown)
