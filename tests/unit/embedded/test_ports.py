"""A taken port moves to the next free one."""

from __future__ import annotations

import pytest

from plumbline.embedded.errors import NoFreePort
from plumbline.embedded.ports import next_free


def test_a_free_port_is_kept():
    """So that bookmarks stay good."""
    assert 8080 == next_free(8080, free=lambda _: True)


def test_a_taken_port_moves_to_the_next_free_one():
    """Whether another program has it or another part of ours wants it."""
    assert 8083 == next_free(8080, taken={8081}, free=lambda port: port not in {8080, 8082})


def test_no_free_port_is_said_in_one_sentence():
    """With the range that was tried."""
    with pytest.raises(NoFreePort, match="between 65500 and 65535"):
        next_free(65500, free=lambda _: False)
