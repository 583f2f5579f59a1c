"""A folder that cannot be read is named before anything is downloaded or started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from plumbline.embedded.documents import NoDocuments, documents_folder


def test_a_relative_name_begins_at_the_project(tmp_path: Path):
    """As make does, wherever it was called from."""
    (tmp_path / "samples").mkdir()

    assert tmp_path / "samples" == documents_folder("samples", tmp_path)


def test_a_home_folder_may_be_named_by_its_sign(tmp_path: Path, monkeypatch):
    """Make hands `~` on as it is."""
    (tmp_path / "handbook").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))

    assert tmp_path / "handbook" == documents_folder("~/handbook", Path("/"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "nowhere does not exist"),
        ("file.txt", "file.txt is not a folder"),
        ("", "The folder does not exist"),
    ],
)
def test_what_is_no_folder_is_said_with_the_way_to_name_one(tmp_path: Path, name: str, said: str):
    """An empty name is none, either: the project itself is no folder of documents."""
    (tmp_path / "file.txt").touch()

    with pytest.raises(NoDocuments, match=said) as caught:
        documents_folder(name, tmp_path)

    assert "make demo DOCUMENTS=" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_to_us_is_said_so(tmp_path: Path):
    """The run would find nothing in it."""
    (tmp_path / "closed").mkdir(mode=0)

    with pytest.raises(NoDocuments, match="closed to you"):
        documents_folder("closed", tmp_path)
