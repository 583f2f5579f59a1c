from __future__ import annotations

import random
from hashlib import sha256
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plumbline.corpus.chunking import MAX_TOKENS, Chunk, chunk
from plumbline.corpus.extraction import Block, Extracted, Unreadable, extract
from plumbline.corpus.tokens import count

WORDS = str.split(
    "refund policy order within days receipt please support customer account parcel return invoice price "
    "the and of to a in is that for it with as was on be by this are or from at an not have but which"
)


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
            paragraph(seed * 1000 + section * 50 + n, dice.randint(20, 140))
            for n in range(dice.randint(1, 9))
        ]
    return made


_SAID = st.one_of(
    st.integers(0, 10**6).map(lambda seed: paragraph(seed, 30)),
    st.text(alphabet="abc .!?\n,:-*#|`>é漢字。、 \t'\"()[]{}%<>=_~1", min_size=1, max_size=400),
    st.text(min_size=1, max_size=80),
    st.sampled_from(
        ["漢字仮名交じり文。" * 60, "x" * 3000, "a " * 900, "- " * 200, "👩‍👩‍👧" * 120, "٢٠٢٦ مرحبا؟ " * 60]
    ),
)
BLOCK = st.one_of(
    _SAID,
    st.tuples(st.integers(1, 6), st.integers(0, 99)).map(
        lambda drawn: f"{'#' * drawn[0]} Heading {drawn[1]}"
    ),
    st.lists(st.integers(0, 10**4), min_size=1, max_size=12).map(
        lambda seeds: "\n".join(f"{'  ' * (seed % 3)}- {paragraph(seed, 8)}" for seed in seeds)
    ),
    st.integers(1, 60).map(
        lambda rows: "| Name | Price |\n|---|---|\n" + "\n".join(f"| Item {n} | {n} € |" for n in range(rows))
    ),
    st.integers(1, 80).map(
        lambda lines: "```\n" + "\n".join(f"    line {n}()" for n in range(lines)) + "\n```"
    ),
)
SOURCE = st.lists(BLOCK, min_size=1, max_size=14).map("\n\n".join)


def read(source: str, kind: str = "markdown") -> Extracted:
    """A document in which this stands."""
    return extract(source.encode("utf-8", "surrogatepass"), kind, "document")


def chunked(source: str, kind: str = "markdown", **limits: int) -> tuple[str, list[Chunk]]:
    """Its text and its chunks."""
    extracted = read(source, kind)
    return extracted.text, chunk(extracted, **limits)


def refusal(source: str, kind: str) -> str | None:
    """The code that a document is refused with, if it is."""
    try:
        read(source, kind)
    except Unreadable as refused:
        return refused.code
    return None


def says_nothing(source: str) -> bool:
    """Whether nothing of it could be seen."""
    return not "".join(letter for letter in source if letter.isprintable()).strip()


def is_binary(source: str) -> bool:
    """Whether it has a zero byte, and more control characters than text has."""
    return "\0" in source and sum(letter < " " and letter not in "\t\n\r" for letter in source) > 4


def texts(source: str, kind: str = "markdown") -> list[str]:
    """What its chunks say."""
    text, chunks = chunked(source, kind)
    return [text[one.start : one.end] for one in chunks]


@given(SOURCE, st.sampled_from(["markdown", "text"]), st.sampled_from([512, 128, 64]))
@settings(max_examples=150, deadline=None)
def test_chunks_cover_what_a_document_says_once_and_in_order(source, kind, max_tokens):
    """Every visible character is in exactly one chunk; no chunk is blank or too long; the count is exact."""
    if refused := refusal(source, kind):
        assert says_nothing(source) or (refused == "binary" and is_binary(source))
        return
    text, chunks = chunked(source, kind, max_tokens=max_tokens)
    assert list(range(len(chunks))) == [one.ordinal for one in chunks]
    end = 0
    for one in chunks:
        said = text[one.start : one.end]
        assert "" == text[end : one.start].strip()
        assert said.strip()
        assert not said[-1].isspace()
        assert count(said) == one.tokens <= max_tokens
        assert sha256(said.encode()).digest() == one.sha256
        end = one.end
    assert "" == text[end:].strip()


@given(st.integers(0, 10**6), st.data())
@settings(max_examples=60, deadline=None)
def test_an_edited_paragraph_changes_only_the_chunks_it_touches(seed, data):
    """All other chunks keep their text: at most the edited one and what moves across its two ends is new."""
    blocks = long_document(seed)
    place = data.draw(st.sampled_from([n for n, block in enumerate(blocks) if not block.startswith("#")]))
    before = set(texts("\n\n".join(blocks)))
    sentences = blocks[place].split(". ")
    sentences[len(sentences) // 2] = "Now it says something else"
    blocks[place] = ". ".join(sentences)
    after = texts("\n\n".join(blocks))
    assert len([one for one in after if one not in before]) <= 4


@given(st.integers(0, 10**6), st.data())
@settings(max_examples=60, deadline=None)
def test_an_inserted_or_deleted_paragraph_changes_a_bounded_number_of_chunks(seed, data):
    """However long the document is, only the neighbourhood is cut anew."""
    blocks = long_document(seed, sections=20)
    before = set(texts("\n\n".join(blocks)))
    place = data.draw(st.integers(1, len(blocks) - 1))
    if data.draw(st.booleans()):
        blocks.insert(place, paragraph(seed + 1, data.draw(st.integers(5, 150))))
    else:
        del blocks[place]
    after = texts("\n\n".join(blocks))
    assert len([one for one in after if one not in before]) <= 6


def test_on_average_an_edit_costs_little_more_than_one_chunk():
    """What the promise is worth: the mean over many edits of long documents."""
    dice = random.Random(7)  # noqa: S311
    new = 0
    for seed in range(60):
        blocks = long_document(seed)
        before = set(texts("\n\n".join(blocks)))
        place = dice.choice([n for n, block in enumerate(blocks) if not block.startswith("#")])
        words = blocks[place].split()
        words[len(words) // 2] = "CHANGED"
        blocks[place] = " ".join(words)
        new += len([one for one in texts("\n\n".join(blocks)) if one not in before])
    assert 60 <= new <= 66


def test_an_edit_inside_one_endless_line_is_local_too():
    """A line of a hundred thousand words has no structure, and its chunks still fall on the same words again."""
    words = paragraph(1, 30_000).replace(".", "").split()
    before = set(texts(" ".join(words), "text"))
    words[15_000] = "somethingelse"
    after = texts(" ".join(words), "text")
    assert len(after) > 60
    assert len([one for one in after if one not in before]) <= 4


def test_the_same_document_gives_the_same_chunks():
    """Nothing depends on the process: hashes of Python strings, which do, are not used."""
    _, chunks = chunked("\n\n".join(long_document(3)))
    digest = sha256("".join(f"{one.start}-{one.end}:{one.tokens};" for one in chunks).encode()).hexdigest()
    assert "4c89765d1bc11a84" == digest[:16]


def test_a_section_begins_with_its_heading():
    """A heading stands with what it announces, never alone at the end of the chunk above."""
    text, chunks = chunked("\n\n".join(long_document(11)))
    for one in chunks:
        last = text[one.start : one.end].rsplit("\n\n", 1)[-1]
        assert not last.startswith("#")


def test_a_chunk_knows_the_headings_it_stands_under():
    """The path is what is true of all of the chunk, and continues where a section is cut."""
    source = (
        "# Guide\n\n## Returns\n\n"
        + "\n\n".join(paragraph(n, 100) for n in range(12))
        + "\n\n## Shipping\n\nSoon."
    )
    text, chunks = chunked(source + " " + paragraph(99, 900))
    shipping = text.index("## Shipping")
    returns = [one.heading_path for one in chunks if one.end <= shipping]
    shipped = [one.heading_path for one in chunks if one.start >= shipping]
    both = [one.heading_path for one in chunks if one.start < shipping < one.end]
    assert len(returns) > 2
    assert len(shipped) > 1
    assert {("Guide", "Returns")} == set(returns)
    assert {("Guide", "Shipping")} == set(shipped)
    assert [("Guide",)] * len(both) == both


def test_small_sections_share_a_chunk():
    """Forty answers of one line each are not forty chunks."""
    source = "# Questions\n\n" + "\n\n".join(f"## Question {n}?\n\nAnswer {n}." for n in range(40))
    _, chunks = chunked(source)
    assert len(chunks) == 1
    assert ("Questions",) == chunks[0].heading_path


def test_code_and_rows_are_not_cut_inside_a_line():
    """A cut inside a table row or a line of code would make both halves nonsense."""
    table = "| Item | Price |\n|---|---|\n" + "\n".join(
        f"| Article number {n} | {n} euro |" for n in range(300)
    )
    code = "```python\n" + "\n".join(f"    print('line {n} of the listing')" for n in range(300)) + "\n```"
    for source in (table, code):
        text, chunks = chunked(source)
        assert len(chunks) > 3
        assert all(text[one.start - 1] == "\n" for one in chunks[1:])
        assert all(one.end == len(text) or text[one.end] == "\n" for one in chunks)


def test_long_paragraphs_are_cut_between_sentences():
    """Where sentences end, in scripts with and without spaces."""
    text, chunks = chunked(paragraph(5, 3000), "text")
    assert all(text[: one.end].endswith(".") for one in chunks)
    text, chunks = chunked("東京は日本の首都であり、人口が最も多い都市です。" * 200, "text")
    assert len(chunks) > 3
    assert all(text[: one.end].endswith("。") for one in chunks)


def test_no_chunk_is_tiny_where_its_section_allows_more():
    """A chunk of a few words is found by accident or not at all."""
    for seed in range(20):
        _, chunks = chunked("\n\n".join(paragraph(seed * 100 + n, 40) for n in range(30)), "text")
        assert min(one.tokens for one in chunks) >= 64


def test_chunks_are_well_filled():
    """Half-empty chunks are paid for in rows, requests and searches."""
    sizes = [
        one.tokens
        for seed in range(40)
        for one in chunked("\n\n".join(paragraph(seed * 100 + n, 60) for n in range(40)), "text")[1]
    ]
    assert 380 <= sum(sizes) / len(sizes) <= MAX_TOKENS


def test_a_chunk_carries_the_page_it_begins_on():
    """A citation names the page."""
    said = [paragraph(n, 150) for n in range(6)]
    text = "\n\n".join(said)
    starts = [text.index(one) for one in said]
    blocks = [
        Block(start, start + len(one), "paragraph", 0, (), page)
        for page, (start, one) in enumerate(zip(starts, said, strict=True), 1)
    ]
    chunks = chunk(Extracted(text, "t", "en", blocks))
    assert all(
        one.page == 1 + max(n for n, start in enumerate(starts) if start <= one.start) for one in chunks
    )


def test_chunks_of_a_mixed_document_have_their_own_language():
    """Each chunk is stemmed by what it is written in."""
    german = "Die Rückgabe ist innerhalb von dreißig Tagen nach dem Kauf möglich, wenn die Ware nicht benutzt wurde. "
    english = (
        "A return is possible within thirty days of the purchase if the goods have not been used by anyone. "
    )
    source = "\n\n".join([english * 4] * 6 + [german * 4] * 6)
    _, chunks = chunked(source, "text")
    assert {"en", "de"} == {one.language for one in chunks}
    assert "en" == chunks[0].language
    assert "de" == chunks[-1].language


@pytest.mark.parametrize(
    "source",
    [
        "word " * 400_000,
        "x" * 2_000_000,
        "." * 2_000_000,
        ". " * 1_000_000,
        "漢" * 500_000,
        ">" * 100_000,
        "[" * 100_000,
        "*" * 100_000,
        "- a\n" * 150_000,
        "# a\n" * 50_000,
        "\n".join("> " * depth + "x" for depth in range(1_500)),
        "<!--" * 50_000,
        "{% comment %}" * 30_000 + "x",
        "```\n~~~\n" * 30_000,
        "|a|b|\n|-|-|\n" + "|1|2|\n" * 100_000,
        "a\n===\n" * 50_000,
        "." + '"' * 1_000_000,
        "a" + "\u0301" * 500_000,
    ],
    ids=lambda source: source[:12].encode("unicode_escape").decode(),
)
@pytest.mark.parametrize("kind", ["markdown", "text"])
def test_hostile_texts_take_linear_time(source, kind):
    """Two megabytes of nonsense in a moment, not in an hour, and still covered exactly."""
    if kind == "markdown" and source.startswith("{% comment %}"):
        with pytest.raises(Unreadable, match="holds no text"):
            chunked(source.removesuffix("x"), kind)
    text, chunks = chunked(source, kind)
    assert max(one.tokens for one in chunks) <= MAX_TOKENS
    assert all("" == text[one.end : other.start].strip() for one, other in pairwise(chunks))
