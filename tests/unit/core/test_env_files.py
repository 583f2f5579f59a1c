"""A `.env` says the same to us as to docker compose, and a line that says nothing is named without its contents."""

from __future__ import annotations

from pathlib import Path

import pytest

from plumbline.core.env_files import assignment, read_env_file
from plumbline.core.errors import Misconfigured
from plumbline.core.settings import PROJECT_ROOT


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=acme", "acme"),
        ("A=acme # ours", "acme"),
        ("A=acme\t# ours", "acme"),
        ("A=acme#1", "acme#1"),
        ("A=#1", "#1"),
        ("A= # nothing", ""),
        ("A=", ""),
        ("A=a b", "a b"),
        ('A="a b" # c', "a b"),
        ("A='a # b'", "a # b"),
        ('A="say \\"yes\\""', 'say "yes"'),
        (r'A="one\ntwo\\n\$x\d"', "one\ntwo\\n$x\\d"),
        (r"A='one\ntwo\'s'", r"one\ntwo's"),
        ('A="one\ntwo"', "one\ntwo"),
        ('A=\'{"password":"a=b"}\'', '{"password":"a=b"}'),
        ('A={"password":"a=b"}', '{"password":"a=b"}'),
        ("export A=acme", "acme"),
        ("  A = acme  ", "acme"),
        ("A: acme", "acme"),
        ("A=pa$$word", "pa$$word"),
        ("\ufeffA=acme\r", "acme"),
    ],
)
def test_a_value_is_read_as_compose_reads_it(tmp_path: Path, line: str, value: str):
    """Comments, quotes and what is escaped between them."""
    file = tmp_path / ".env"
    file.write_bytes(f"{line}\n# a comment\nB=1".encode())

    assert {"A": value, "B": "1"} == read_env_file(file)


def test_a_name_alone_is_left_to_the_environment(tmp_path: Path):
    """It sets nothing, and is no fault."""
    file = tmp_path / ".env"
    file.write_text("A\nB # later\nC=1\n")

    assert {"C": "1"} == read_env_file(file)


@pytest.mark.parametrize(
    "line", [b'A="secret', b"A='secret' more", b"some secret", b"my key=secret", b"A=secret\xe9"]
)
def test_what_cannot_be_read_is_named_by_file_and_line_and_never_repeated(tmp_path: Path, line: bytes):
    """A password may stand in it, and traces are kept in logs."""
    file = tmp_path / ".env"
    file.write_bytes(b"# first\nB=1\n" + line + b"\n")

    with pytest.raises(Misconfigured, match=f"Line 3 of {file}") as caught:
        read_env_file(file)

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_absent_file_sets_nothing(tmp_path: Path):
    """Neither file has to be there."""
    assert {} == read_env_file(tmp_path / ".env")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "plain",
        "/my documents # new/'s",
        '"quoted"',
        "back\\slash\\",
        "two\nlines",
        "$HOME",
        r"a\nb",
        " a ",
    ],
)
def test_what_is_written_is_read_back_as_it_was(tmp_path: Path, value: str):
    """A folder may have any name."""
    file = tmp_path / "embedded.env"
    file.write_text(assignment("A", value) + assignment("B", "1"))

    assert {"A": value, "B": "1"} == read_env_file(file)


def test_the_example_of_the_deployed_form_can_be_read():
    """Whoever copies it has a file that works."""
    assert "main" == read_env_file(PROJECT_ROOT / ".env.example")["PLUMBLINE_TENANT"]
