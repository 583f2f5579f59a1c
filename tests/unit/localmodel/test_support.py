import json
import random
from pathlib import Path

import pytest

from plumbline.localmodel.support import Evidence, Passage, confidence

SHOP = [
    Passage("Returns are free within 30 days of delivery. Write to support to get a label.", "returns"),
    Passage("The warranty on lamps lasts two years. It covers defects but not damage by water.", "warranty"),
    Passage("Orders above 50 euros ship for free inside the European Union.", "shipping"),
]


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("How long does the warranty for a lamp last?", "The warranty on lamps lasts two years."),
        ("Is shipping free?", "Orders above 50 euros ship for free inside the European Union."),
        ("Does the warranty cover water damage?", "It covers defects but not damage by water."),
    ],
)
def test_the_supporting_sentence_is_found(question: str, sentence: str) -> None:
    """It answers in the words of the source."""
    evidence = Evidence.of(SHOP)

    assert [sentence] == [evidence.found[one.index].text for one in evidence.best(question)]


@pytest.mark.parametrize(
    "question", ["Who is the chief executive?", "Do you sell bicycles?", "Wie wird das Wetter?"]
)
def test_no_support_is_an_answer(question: str) -> None:
    """Nothing is better than something unrelated."""
    assert Evidence.of(SHOP).best(question) == []


def test_a_sentence_knows_its_passage() -> None:
    """A citation names its source."""
    evidence = Evidence.of(SHOP)

    assert evidence.name_of(evidence.best("How long is the warranty?")[0].index) == "warranty"


def test_no_text_supports_nothing() -> None:
    """And does not fail."""
    evidence = Evidence.of([])

    assert (evidence.best("Is there anything?"), evidence.central(3)) == ([], [])


def test_greetings_sum_up_nothing() -> None:
    """A summary is made of sentences that tell something."""
    evidence = Evidence.of(
        [Passage("Hello,\n\nThe parcel arrived broken and the lamp inside is cracked.\n\nIda")]
    )

    assert [evidence.found[index].text for index in evidence.central(3)] == [
        "The parcel arrived broken and the lamp inside is cracked."
    ]


def test_confidence_stays_on_its_scale() -> None:
    """Whatever the score."""
    assert [confidence(score) for score in (-1, 0, 0.6, 9)] == [0, 0, 0.5, 1]


@pytest.mark.parametrize(
    ("language", "answered", "turned_away"), [("en", 90, 90), ("de", 88, 80), ("zh", 88, 80)]
)
def test_questions_over_real_passages(
    data_sets: Path, language: str, answered: int, turned_away: int
) -> None:
    """Of 100 questions: those with a right passage among five find it; those without one are told so."""
    folder = data_sets / "retrieval_xquad"
    lines = (folder / f"corpus.{language}.jsonl").read_text().splitlines()
    corpus = {row["id"]: row["text"] for row in map(json.loads, lines)}
    questions = list(map(json.loads, (folder / f"queries.{language}.jsonl").read_text().splitlines()))
    chance = random.Random(3)  # noqa: S311
    found = refused = 0
    for question in chance.sample(questions, 100):
        others = chance.sample(sorted(corpus.keys() - set(question["relevant"])), 5)
        right = question["relevant"][0]
        with_it = Evidence.of([Passage(corpus[name], name) for name in [*others[:4], right]])
        best = with_it.best(question["text"])
        found += bool(best) and with_it.name_of(best[0].index) == right
        refused += not Evidence.of([Passage(corpus[name], name) for name in others]).best(question["text"])

    assert (found >= answered, refused >= turned_away) == (True, True), (found, refused)
