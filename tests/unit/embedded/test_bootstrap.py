"""The bootstrap says in one sentence what is in the way."""

from __future__ import annotations

import pytest

from plumbline.embedded.bootstrap import (
    announcement,
    main,
    provider_name,
    room_message,
    sizes_in,
    unsuitable_machine,
    unsuitable_python,
)


@pytest.mark.parametrize("version", [(3, 11), (3, 12), (3, 13)])
def test_the_pythons_of_the_lock_are_accepted(version: tuple[int, int]):
    """3.11 to 3.13."""
    assert unsuitable_python(version, "cpython") is None


@pytest.mark.parametrize(
    ("version", "implementation"), [((3, 10), "cpython"), ((3, 14), "cpython"), ((3, 11), "pypy")]
)
def test_any_other_python_is_named_in_one_sentence(version: tuple[int, int], implementation: str):
    """It says what is needed and what was found."""
    said = unsuitable_python(version, implementation) or ""

    assert "3.11, 3.12 or 3.13" in said
    assert ".".join(map(str, version)) in said
    assert 1 == len(said.splitlines())


@pytest.mark.parametrize(
    ("system", "machine", "glibc", "said"),
    [
        ("Linux", "x86_64", (2, 36), None),
        ("Linux", "aarch64", (2, 36), "Linux on aarch64"),
        ("Darwin", "x86_64", None, "Darwin on x86_64"),
        ("Linux", "x86_64", None, "another C library"),
        ("Linux", "x86_64", (2, 17), "glibc 2.17"),
    ],
)
def test_machines_without_wheels_are_refused_beforehand(
    system: str, machine: str, glibc: tuple[int, int] | None, said: str | None
):
    """The parts come as wheels, and those are for Linux on x86-64 with glibc."""
    found = unsuitable_machine(system, machine, glibc)

    assert (said is None) == (found is None)
    assert (said or "") in (found or "")


def test_the_size_is_said_before_anything_is_downloaded(tmp_path):
    """How much, from where, and what will happen."""
    said = announcement("demo", tmp_path, 274, "mirror.example")

    assert "download at most 274 MB of packages from mirror.example" in said
    assert "127.0.0.1 only" in said
    assert "make clean" in said


def test_where_the_data_will_be_is_said_beforehand(tmp_path):
    """PLUMBLINE_HOME may put them on another disk."""
    assert "data in .plumbline\n" in announcement("demo", tmp_path, 0, "mirror.example")
    assert "data in /disk/state\n" in announcement("demo", tmp_path, 0, "mirror.example", home="/disk/state")


def test_a_provider_that_will_be_paid_is_announced(tmp_path):
    """With a key set, nobody reads that none is needed."""
    said = announcement("demo", tmp_path, 0, "mirror.example", "api.example.com")

    assert "the model at api.example.com answers" in said
    assert "is paid" in said
    assert "No key" not in said


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("", "api.openai.com"),
        ("https://api.example.com/v1", "api.example.com"),
        ("gateway.example.com", "gateway.example.com"),
        ("https://ada:sk-secret@api.example.com:8443/v1?key=sk-secret", "api.example.com"),
    ],
)
def test_a_provider_is_called_by_its_bare_name(host: str, name: str):
    """Who put a key into the address does not see it on the screen."""
    assert name == provider_name(host)


def test_nothing_is_announced_as_download_when_the_environment_is_complete(tmp_path):
    """A second run downloads nothing."""
    assert "nothing to download" in announcement("demo", tmp_path, 0, "mirror.example")


def test_sizes_are_read_from_the_head_of_the_lock():
    """`make lock` wrote them there."""
    assert (256, 1280) == sizes_in("# size: 256 MB to download, 1280 MB installed (Linux x86-64)\n# more\n")
    assert (0, 0) == sizes_in("a==1\n")


def test_too_little_room_is_said_with_both_figures(tmp_path):
    """What is needed and what there is."""
    said = room_message(1500, 20, tmp_path) or ""

    assert "1500 MB" in said
    assert "20 MB" in said
    assert room_message(1500, 1500, tmp_path) is None


def test_an_unknown_purpose_is_a_usage_error(capsys: pytest.CaptureFixture[str]):
    """Exit code 2, as everywhere."""
    with pytest.raises(SystemExit) as left:
        main(["dance"])

    assert 2 == left.value.code
    assert "usage" in capsys.readouterr().err
