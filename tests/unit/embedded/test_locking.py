"""The locks are whole, and the same for everybody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from plumbline.embedded.bootstrap import sizes_in
from plumbline.embedded.locking import wheel_bytes, with_size

PROJECT = Path(__file__).parents[3]
LOCKS = ("requirements.txt", "requirements-dev.txt")


def test_the_size_stands_once_at_the_head():
    """Writing it again replaces it."""
    lock = with_size(with_size("# made by make lock\na==1\n", 100), 200)

    assert (200, 1000) == sizes_in(lock)
    assert 1 == lock.count("# size:")
    assert lock.endswith("# made by make lock\na==1\n")


def test_the_download_is_the_sum_of_the_smallest_wheels():
    """Where there is a choice of wheels, one of them is fetched."""
    pylock = {"packages": [{"wheels": [{"size": 5}, {"size": 3}]}, {"wheels": [{"size": 4}]}]}

    assert 7 == wheel_bytes(pylock)


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_has_its_hashes(name: str):
    """Without them nobody could tell a package from another of the same name."""
    blocks = re.split(r"\n(?=[a-zA-Z])", (PROJECT / name).read_text(encoding="utf-8"))[1:]

    assert [] == [block.split(maxsplit=1)[0] for block in blocks if "--hash=sha256:" not in block]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place_that_packages_come_from(name: str):
    """That is a matter of the machine."""
    lock = (PROJECT / name).read_text(encoding="utf-8")

    assert [] == re.findall(r"^.*(?:://|--index|--extra-index|--find-links).*$", lock, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_says_how_large_it_is(name: str):
    """The bootstrap says it before it downloads."""
    assert all(sizes_in((PROJECT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["requirements.in", "requirements-dev.in"])
def test_every_package_that_we_chose_has_its_reason(name: str):
    """One line each."""
    lines = (PROJECT / name).read_text(encoding="utf-8").splitlines()
    chosen = [line for line in lines if line and not line.startswith(("#", "-"))]

    assert [] == [line for line in chosen if not re.search(r" # \w.+\w", line)]


def test_the_tests_run_on_the_very_versions_that_are_deployed():
    """What the main lock holds, the lock of the tests holds, too."""

    def pins(name: str) -> set[str]:
        return set(
            re.findall(r"^[\w.-]+==[^ \n]+", (PROJECT / name).read_text(encoding="utf-8"), re.MULTILINE)
        )

    assert set() == pins("requirements.txt") - pins("requirements-dev.txt")
