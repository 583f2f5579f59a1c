"""The customer list is found in texts as whole words, in its usual forms, and nothing else is."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.privacy.listed import refusal, turned
from plumbline.privacy.matching import Listed, Matcher, normalised

JANE = Listed("name", "Jane Doe")
LIST = [
    JANE,
    Listed("name", "Gabriel García Márquez"),
    Listed("name", "Faina D. Yefremova"),
    Listed("name", "Mark Price"),
    Listed("name", "Conan O'Brien"),
    Listed("address", "Calle Losada Martí 23, 5 B"),
    Listed("customer", "KX-4711"),
]


def found(text: str) -> list[tuple[str, str]]:
    """What of the list a text holds, as the text writes it, with what it stands for."""
    return [(text[span.start : span.end], span.shown) for span in Matcher(LIST).find(text)]


@pytest.mark.parametrize(
    ("text", "written", "shown"),
    [
        ("Ask Jane Doe's mother.", "Jane Doe", "Jane Doe"),
        ("ask jane doe", "jane doe", "Jane Doe"),
        ("JANE  DOE", "JANE  DOE", "Jane Doe"),
        ("Jane\n    Doe", "Jane\n    Doe", "Jane Doe"),
        ("Doe, Jane: two", "Doe, Jane", "Jane Doe"),
        ("gabriel garcia marquez wrote", "gabriel garcia marquez", "Gabriel García Márquez"),
        ("García Márquez, Gabriel", "García Márquez, Gabriel", "Gabriel García Márquez"),
        ("Dr. Faina Yefremova", "Faina Yefremova", "Faina D. Yefremova"),
        ("Faina D Yefremova", "Faina D Yefremova", "Faina D. Yefremova"),
        ("Mark Price paid.", "Mark Price", "Mark Price"),
        ("Conan O’Brien", "Conan O’Brien", "Conan O'Brien"),
        ("in der CALLE LOSADA MARTI 23 - 5 B.", "CALLE LOSADA MARTI 23 - 5 B", "Calle Losada Martí 23, 5 B"),
        ("number kx 4711", "kx 4711", "KX-4711"),
    ],
)
def test_the_usual_forms_are_found(text: str, written: str, shown: str) -> None:
    """In any case, with and without accents, turned round, across the end of a line."""
    assert [(written, shown)] == found(text)


@pytest.mark.parametrize(
    "text",
    [
        "Jane came alone.",
        "Doe Jane",
        "Jane, Doe and others",
        "Jane Doerr and Mary-Jane Does",
        "xJane Doe",
        "Jane. She met a doe.",
        "mark price tags",
        "jane_doe, Jane (Doe)",
        "KX-47110",
        "",
    ],
)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    """A first name, a part of a word, two ordinary words."""
    assert [] == found(text)


def test_all_forms_of_one_value_are_one_value() -> None:
    """So that they have one pseudonym; a value that is found by its form too is the same in both."""
    spans = list(Matcher(LIST).find("Jane Doe; DOE, JANE; jane doe"))

    assert 3 == len(spans)
    assert 1 == len({(span.kind, span.value) for span in spans})
    assert "jane@example.org" == normalised("email", " Jane@Example.org")
    assert "+442079460958" == normalised("phone", "+44 20 7946-0958")
    assert "AB123456C" == normalised("id", "AB 12 34 56 c")


def test_the_longest_of_the_list_wins() -> None:
    """A name that begins another one does not hide it."""
    matcher = Matcher([Listed("name", "Ann Lee"), Listed("name", "Ann Lee Jones")])

    assert ["Ann Lee Jones"] == [span.shown for span in matcher.find("Ann Lee Jones")]
    assert ["Ann Lee"] == [span.shown for span in matcher.find("Ann Lee Johns")]


@given(st.text(alphabet="JaneDo ,.\nß'éİ-", max_size=40))
def test_spans_are_whole_words_in_order(text: str) -> None:
    """Whatever stands around them; letters that change their length in another case move nothing."""
    spans = list(Matcher(LIST).find(text))

    assert all(not text[span.start - 1 : span.start].isalnum() for span in spans)
    assert all(not text[span.end : span.end + 1].isalnum() for span in spans)
    assert all(left.end <= right.start for left, right in pairwise(spans))


def test_a_long_list_is_no_slower_to_look_through_than_a_short_one() -> None:
    """A text is compared with what begins as it does, and with nothing else of the list."""
    many = [Listed("name", f"First{number} Last{number}") for number in range(20_000)]
    matcher = Matcher([*many, JANE])
    compared: list[str] = []

    class Counted(dict[str, object]):
        def get(self, key: str, default: object = None) -> object:
            compared.append(key)
            return super().get(key, default)

    matcher._forms = Counted(matcher._forms)  # type: ignore[assignment]
    assert ["Jane Doe"] == [span.shown for span in matcher.find("Was it First7 or Jane Doe?")]
    assert len(compared) <= 2


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("name", "Jane", "one word"),
        ("address", "Berlin", "one word"),
        ("customer", "gold", "one word"),
        ("name", "", "no letter"),
        ("name", "Jane " * 60, "longer"),
        ("Name!", "Jane Doe", "kind"),
        ("credential", "Jane Doe", "kind"),
    ],
)
def test_a_row_that_cannot_be_used_has_a_reason_without_its_value(kind: str, value: str, reason: str) -> None:
    """What would be found everywhere, or nowhere."""
    said = refusal(kind, value)

    assert said is not None
    assert reason in said
    assert "Jane" not in said


def test_a_row_that_can_be_used_has_none() -> None:
    """A customer number is one word with a digit."""
    assert [None, None, None] == [
        refusal("name", "Li Wu"),
        refusal("address", "Main St 1"),
        refusal("no", "K7"),
    ]


def test_a_name_with_its_surname_first_is_turned() -> None:
    """Lists are sorted like that."""
    assert ["Jane Doe", "Jane Doe", "Doe, Jane, Dr."] == [
        turned(name) for name in ("Doe, Jane", "Jane Doe", "Doe, Jane, Dr.")
    ]
