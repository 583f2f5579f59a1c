"""docs/scale.md says what the committed results come to; the arithmetic behind it holds at the edges."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from benchmarks.capacity_figures import Corpus, Costs, costs
from benchmarks.capacity_page import MEASURED, PAGE, SEARCHED, blocks, redrawn


@pytest.fixture(scope="module")
def each() -> Costs:
    """What a document takes, by the committed results."""
    return costs(json.loads(MEASURED.read_text()), json.loads(SEARCHED.read_text()))


def test_the_page_is_fresh_and_has_every_table() -> None:
    """`python -m benchmarks capacity --page` draws it anew."""
    page, drawn = PAGE.read_text(encoding="utf-8"), blocks()

    assert page == redrawn(page, drawn)
    assert [] == [name for name in drawn if f"<!-- drawn: {name} -->" not in page]


def test_a_table_that_nobody_draws_is_no_table() -> None:
    """A name that was mistyped would stay empty in silence."""
    with pytest.raises(KeyError):
        redrawn("<!-- drawn: nothing -->\n<!-- end -->\n", blocks())


def test_twice_the_documents_take_twice_the_money_and_more_than_twice_the_graph(each: Costs) -> None:
    """Linear is linear, n log n is more."""
    one, two = Corpus(each, 1_000_000), Corpus(each, 2_000_000)

    assert two.usd(0.02) == pytest.approx(2 * one.usd(0.02))
    assert sum(two.storage.values()) == pytest.approx(2 * sum(one.storage.values()))
    assert two.graph[0] > 2 * one.graph[0]


def test_the_measured_size_comes_to_what_was_measured(each: Costs) -> None:
    """The graph of as many vectors as were measured takes what it took, whichever bound it is."""
    for number, (vectors, vector) in enumerate(zip(each.vectors, each.vector, strict=True)):
        assert Corpus(each, round(vectors / each.chunks)).graph[number] == pytest.approx(
            vectors * vector, rel=0.01
        )


def test_the_slower_of_work_and_rate_limit_sets_the_time(each: Costs) -> None:
    """More tasks do not help against a provider; a larger limit does not help against one slow task."""
    corpus = Corpus(each, 1_000_000)

    assert corpus.wall(4, 1e6) == corpus.wall(64, 1e6) > corpus.wall(64, 1e7)
    assert corpus.wall(4, 1e12) > corpus.wall(64, 1e12) == corpus.wall(64, 1e13)


def test_no_more_tasks_are_at_work_than_there_are(each: Costs) -> None:
    """Four hundred files are one task, whatever is allowed."""
    assert Corpus(each, 400).prepare(4) == Corpus(each, 400).prepare(64)


def test_a_transaction_never_takes_less_than_in_proportion(each: Costs) -> None:
    """What grew more slowly than the documents is not taken to go on doing so."""
    shrinking = replace(each, seen={**each.seen, "publish": (1e-9, 1.0)})
    least, most = Corpus(shrinking, 1_000_000).serial("publish")

    assert least == most > 0
