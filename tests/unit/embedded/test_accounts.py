"""As root, PostgreSQL runs under another account, without anything changing hands where that can be avoided."""

from __future__ import annotations

from plumbline.embedded.accounts import accounts


def test_a_user_namespace_is_tried_first():
    """It works in a home that is closed to others."""
    first, *others = accounts((0, 0), (0, 0))

    assert ("unshare", None) == (first.prefix[0], first.owner)
    assert all(way.prefix[0] == "setpriv" for way in others)


def test_data_of_another_user_stay_with_that_user():
    """After `make demo` as oneself, `sudo make demo` must not take the data away."""
    ways = accounts((1000, 1000), (1000, 1000))

    assert {(1000, 1000)} == {way.owner for way in ways}
    assert all("--reuid=1000" in way.prefix for way in ways)


def test_the_owner_of_the_project_comes_before_nobody():
    """He can reach his own folders."""
    owners = [way.owner for way in accounts((0, 0), (1000, 1000)) if way.owner]

    assert (1000, 1000) == owners[0]


def test_leave_to_pass_closed_folders_is_the_last_resort():
    """For containers that refuse namespaces, with the project in a closed home."""
    ways = accounts((0, 0), (0, 0))

    assert ["--ambient-caps=+dac_override" in way.prefix for way in ways] == [False] * (len(ways) - 1) + [
        True
    ]
