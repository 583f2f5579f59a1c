"""Which folders a run may read, and how a source is called."""

from __future__ import annotations

import pytest

from plumbline.core.receipts import Run
from plumbline.core.settings import Settings
from plumbline.corpus.sources import FolderClosed, UnusableName, folder_source

COMMAND = Run(tenant="main", job="plumbline.cli.ingest")
DAG = Run(tenant="main", job="ingest_documents.scan_source", dag_id="ingest_documents")


@pytest.fixture
def settings(tmp_path):
    """An inbox, a further folder that is open, and one that is not."""
    for name in ("inbox/team", "open/team", "opened", "private"):
        (tmp_path / name).mkdir(parents=True)
    values = {
        "PLUMBLINE_INBOX": str(tmp_path / "inbox"),
        "PLUMBLINE_FOLDERS": f"/nowhere:{tmp_path / 'open'}:",
    }
    return Settings(values=values, home=tmp_path)


@pytest.mark.parametrize(
    "folder", [None, "", "inbox", "inbox/team", "open", "open/team", "inbox/absent", "open/../inbox"]
)
def test_a_dag_reads_the_inbox_the_folders_of_the_setting_and_what_lies_below(settings, tmp_path, folder):
    """The one who set the worker up chose them."""
    told = str(tmp_path / folder) if folder else folder
    assert str(tmp_path / (folder or "inbox")) == folder_source(settings, DAG, told, None).location


@pytest.mark.parametrize(
    "folder", [".", "private", "opened", "inbox/..", "inbox/../private", "inbox/link", "/", "/etc"]
)
def test_a_dag_reads_no_other_folder_by_whatever_way(settings, tmp_path, folder):
    """Not above, not beside, not through a link; the sentence names the setting."""
    (tmp_path / "inbox" / "link").symlink_to(tmp_path / "private")
    with pytest.raises(FolderClosed, match=r"is not open to DAGs: .*PLUMBLINE_FOLDERS"):
        folder_source(settings, DAG, str(tmp_path / folder), None)


def test_an_open_folder_may_itself_be_a_link(settings, tmp_path):
    """As the mounts of a server often are."""
    (tmp_path / "open").rename(tmp_path / "mount")
    (tmp_path / "open").symlink_to(tmp_path / "mount")
    assert (
        str(tmp_path / "open" / "team")
        == folder_source(settings, DAG, str(tmp_path / "open" / "team"), None).location
    )


def test_the_command_line_reads_any_folder(settings, tmp_path):
    """Its user has a shell."""
    assert (
        str(tmp_path / "private")
        == folder_source(settings, COMMAND, str(tmp_path / "private"), None).location
    )


def test_a_source_without_a_name_is_known_by_its_path(settings, tmp_path):
    """Named, it may move; unnamed, it is another source elsewhere."""
    here, there = str(tmp_path / "inbox"), str(tmp_path / "open")
    assert f"folder:{here}" == folder_source(settings, COMMAND, here, None).name
    assert (
        folder_source(settings, COMMAND, here, None).source_id
        != folder_source(settings, COMMAND, there, None).source_id
    )
    assert (
        folder_source(settings, COMMAND, here, "a").source_id
        == folder_source(settings, COMMAND, there, "a").source_id
    )


@pytest.mark.parametrize("run", [COMMAND, DAG])
@pytest.mark.parametrize("odd", [chr(0xDCFF), chr(0xD800), chr(0)], ids=["byte", "surrogate", "nul"])
def test_a_name_that_is_no_text_is_an_error_and_not_a_trace(settings, run, odd):
    """A database cannot keep it."""
    for folder, name in ((f"/srv/{odd}", None), (f"/srv/{odd}", "a"), ("/srv", f"a{odd}")):
        with pytest.raises(UnusableName, match=r"has a name that is not UTF-8 text"):
            folder_source(settings, run, folder, name)
