"""How many tasks an ingestion is cut into: few for few files, short ones for many, never more than Airflow maps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plumbline.corpus.scanning import FULL_SHARD, MOST_SHARDS, shards_for


@pytest.mark.parametrize(
    ("files", "shards"),
    [
        (0, 1),
        (1, 1),
        (500, 1),
        (501, 2),
        (8_000, 16),
        (80_000, 16),
        (80_001, 17),
        (1_000_000, 200),
        (5_000_000, 1_000),
        (100_000_000, 1_000),
    ],
)
def test_shards_are_few_until_they_are_full(files: int, shards: int) -> None:
    """A task takes seconds to start; five thousand files repay them."""
    assert shards == shards_for(files)


@given(st.integers(0, 10**9))
def test_a_shard_is_no_longer_than_a_full_one_until_the_mapping_is(files: int) -> None:
    """Only where Airflow maps no further do tasks grow."""
    shards = shards_for(files)

    assert 1 <= shards <= MOST_SHARDS
    assert -(-files // shards) <= FULL_SHARD or shards == MOST_SHARDS
