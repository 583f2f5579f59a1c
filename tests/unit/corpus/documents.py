"""Documents that tests make: random ones with a structure, and files that are wrong on purpose."""

from __future__ import annotations

import random
import zlib

from hypothesis import strategies as st

WORDS = (
    "refund policy order within days receipt please support customer account parcel return invoice price "
    "the and of to a in is that for it with as was on be by this are or from at an not have but which"
).split()


def paragraph(seed: int, words: int = 60) -> str:
    """Sentences of ordinary length, the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311 - reproducible, not secret
    said: list[str] = []
    while len(said) < words:
        sentence = dice.choices(WORDS, k=dice.randint(5, 18))
        said += [sentence[0].capitalize(), *sentence[1:-1], f"{sentence[-1]}{dice.randint(1, 999)}."]
    return " ".join(said)


def long_document(seed: int, sections: int = 12) -> list[str]:
    """The paragraphs of a long Markdown document, headings among them."""
    dice = random.Random(seed)  # noqa: S311
    made = [f"# Handbook {seed}"]
    for section in range(sections):
        made.append(f"## Section {section} of {seed}")
        made += [
            paragraph(seed * 1000 + section * 50 + n, dice.randint(20, 140)) for n in range(dice.randint(1, 9))
        ]
    return made


_SAID = st.one_of(
    st.integers(0, 10**6).map(lambda seed: paragraph(seed, 30)),
    st.text(alphabet="abc .!?\n,:-*#|`>é漢字。、 \t'\"()[]{}%<>=_~1", min_size=1, max_size=400),
    st.text(min_size=1, max_size=80),
    st.sampled_from(["漢字仮名交じり文。" * 60, "x" * 3000, "a " * 900, "- " * 200, "👩‍👩‍👧" * 120, "٢٠٢٦ مرحبا؟ " * 60]),
)
BLOCK = st.one_of(
    _SAID,
    st.tuples(st.integers(1, 6), st.integers(0, 99)).map(lambda drawn: f"{'#' * drawn[0]} Heading {drawn[1]}"),
    st.lists(st.integers(0, 10**4), min_size=1, max_size=12).map(
        lambda seeds: "\n".join(f"{'  ' * (seed % 3)}- {paragraph(seed, 8)}" for seed in seeds)
    ),
    st.integers(1, 60).map(
        lambda rows: "| Name | Price |\n|---|---|\n" + "\n".join(f"| Item {n} | {n} € |" for n in range(rows))
    ),
    st.integers(1, 80).map(lambda lines: "```\n" + "\n".join(f"    line {n}()" for n in range(lines)) + "\n```"),
)
SOURCE = st.lists(BLOCK, min_size=1, max_size=14).map("\n\n".join)


def pdf(
    *pages: bytes, compressed: bytes | None = None, picture: bool = False, shared: int = 0, trailer: bytes = b""
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
    made, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return (
        made
        + b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(bodies) + 1, table)
        + b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF" % (len(bodies) + 1, trailer, len(made))
    )


def lines(*said: str, size: int = 12, top: int = 700, step: int = 14) -> bytes:
    """The content stream of a page with these lines, one below the other."""
    shown = b"".join(
        b"1 0 0 1 72 %d Tm (%s) Tj\n" % (top - step * number, line.encode("latin-1")) for number, line in enumerate(said)
    )
    return b"BT /F %d Tf\n%sET\n" % (size, shown)
