import csv
import json
import random
from pathlib import Path

from plumbline.localmodel.labels import choose, find_definitions, label_scores

LABELS = ["card_lost", "refund_request", "exchange_rate"]


def test_the_nearest_label_is_chosen() -> None:
    """By meaning, not by the same words."""
    assert choose("Where can I report that somebody stole my bank card?", LABELS).label == "card_lost"


def test_the_same_text_has_the_same_label() -> None:
    """In any order of the labels."""
    text = "I want my money back"

    assert choose(text, LABELS).label == choose(text, LABELS[::-1]).label


def test_definitions_are_found_in_lists() -> None:
    """Prompts explain labels in lines of this kind."""
    text = "Labels:\n- card_lost: the card is gone\n- `refund request` — money back"

    assert find_definitions(LABELS, text) == {"card_lost": "the card is gone", "refund_request": "money back"}


def test_a_definition_moves_a_label_nearer() -> None:
    """A name like `t3` says nothing."""
    text = "The lamp does not switch on"
    defined = label_scores(text, ["t3", "t4"], {"t3": "a product that does not work"})

    assert defined["t3"] > defined["t4"]


def test_examples_teach_labels() -> None:
    """The nearest example's label is chosen where names mean nothing."""
    examples = [("my card was stolen", "k1"), ("what is the rate for dollars", "k2")]

    assert choose("which rate do you use for dollars", ["k1", "k2"], None, examples).label == "k2"


def test_what_fits_nothing_is_other() -> None:
    """A label for the rest is chosen for the rest."""
    assert choose("I like the weather in spring", [*LABELS, "other"]).label == "other"


def test_labels_of_bank_questions_are_far_better_than_chance(data_sets: Path) -> None:
    """77 labels by their names alone: chance is 1.3 in 100, these rows reach more than 50."""
    folder = data_sets / "tickets_banking77"
    labels = json.loads((folder / "categories.json").read_text())
    with (folder / "train.csv").open(newline="") as file:
        rows = random.Random(7).sample(list(csv.DictReader(file)), 200)  # noqa: S311

    right = sum(row["category"] == choose(row["text"], labels).label for row in rows)

    assert right >= 90
