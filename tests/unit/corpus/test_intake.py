from __future__ import annotations

import errno
import os
import socket
import threading
import unicodedata
from hashlib import sha256
from pathlib import Path

import pytest

from plumbline.corpus.filenames import MAX_PATH_BYTES
from plumbline.corpus.intake import InboxMissing, Moved, fetch, scan
from plumbline.corpus.kinds import kind_of
from plumbline.corpus.outcomes import ACCESS_CODES, Bounds, Found, Refusal


@pytest.fixture
def inbox(tmp_path):
    """An empty inbox."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def put(inbox, path, content=b"some text"):
    """Write a file, and the folders above it."""
    place = inbox / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return place


def codes(inbox, **options):
    """What became of each path."""
    return {one.path: one.code if isinstance(one, Refusal) else "found" for one in scan(inbox, **options)}


def test_files_are_found_in_the_order_of_their_paths(inbox):
    """Two runs see the same files in the same order, on every file system."""
    for path in ("b.md", "a/z.txt", "a.md", "a/b/c.html", "Z.pdf", "é.md"):
        put(inbox, path)
    found = [one.path for one in scan(inbox)]
    assert sorted(found) == found
    assert {"b.md", "a/z.txt", "a.md", "a/b/c.html", "Z.pdf", "é.md"} == set(found)


def test_a_file_comes_with_what_it_is(inbox):
    """Its digest is taken over the very bytes that are handed over."""
    put(inbox, "guides/Start.MD", b"# Hello")
    assert [Found("guides/Start.MD", sha256(b"# Hello").digest(), 7, "markdown", b"# Hello")] == list(
        scan(inbox)
    )


def test_names_are_in_one_normal_form(inbox):
    """A file that was written on a Mac is the same file."""
    put(inbox, unicodedata.normalize("NFD", "café.md"))
    (found,) = scan(inbox)
    assert "café.md" == found.path
    assert b"some text" == fetch(inbox, "café.md", expected_sha256=found.sha256)


def test_two_spellings_of_one_name_are_not_two_documents(inbox):
    """They would share an id; one is taken, the other refused under its spelling."""
    put(inbox, unicodedata.normalize("NFC", "café.md"), b"composed")
    put(inbox, unicodedata.normalize("NFD", "café.md"), b"decomposed")
    assert {"café.md": "found", "caf\\xe9.md": "same_name"} == codes(inbox)
    (found,) = [one for one in scan(inbox) if isinstance(one, Found)]
    assert found.content == fetch(inbox, "café.md", expected_sha256=found.sha256)


def test_a_file_and_a_folder_of_one_name_do_not_share_a_path(inbox):
    """What lies in the folder cannot be told from what would lie below the file."""
    put(inbox, unicodedata.normalize("NFC", "café.md") + "/inside.md")
    put(inbox, unicodedata.normalize("NFD", "café.md"))
    assert {"café.md": "found", "caf\\xe9.md": "same_name"} == codes(inbox)


AWKWARD = (
    unicodedata.normalize("NFC", "café.md").encode(),
    unicodedata.normalize("NFD", "café.md").encode(),
    b"caf\\xe9.md",
    b"caf\xe9.md",
    b"caf\xe9\n.md",
    b"caf\\xe9\\n.md",
    b"a\nb.md",
    b"a\\nb.md",
    b"a\x01b.md",
    b"\xff\xfe.pdf",
    "日本\xa0\u2028語.txt".encode(),
    "é\u0323.txt".encode(),
    "ẹ\u0301.txt".encode(),
    "e\u0323\u0301.txt".encode(),
)
"""Names that look alike, or are no text, or spell out how another one would be escaped."""


@pytest.fixture
def awkward(inbox):
    """An inbox with a file of each awkward name, which holds its name."""
    for name in AWKWARD:
        (inbox / os.fsdecode(name)).write_bytes(b"I am " + name)
    return inbox


def test_every_outcome_has_a_path_of_its_own(awkward):
    """Two outcomes with one path would be one row too many."""
    seen = list(scan(awkward))
    assert len(AWKWARD) == len(seen) == len({one.path for one in seen})
    assert sorted(one.path for one in seen) == [one.path for one in seen]
    for one in seen:
        one.path.encode()
        assert "\n" not in one.path


def test_names_that_are_text_keep_their_path_beside_those_that_are_not(awkward):
    """A document is not refused, or given another id, because of a neighbour."""
    found = {one.path: one.content for one in scan(awkward) if isinstance(one, Found)}
    assert {b"I am caf\\xe9.md", b"I am a\\nb.md"} == {found["caf\\xe9.md"], found["a\\nb.md"]}
    assert all(path == unicodedata.normalize("NFC", path) for path in found)
    for path, content in found.items():
        assert content == fetch(awkward, path, expected_sha256=sha256(content).digest())


def test_a_refused_name_keeps_its_path_when_its_neighbours_change(awkward):
    """A refusal that is renamed by every new file could not be followed from one run to the next."""
    before = list(scan(awkward))
    assert before == list(scan(awkward))
    put(awkward, "aa.md")
    put(awkward, os.fsdecode(b"aaa\xff.md"))
    after = {one.path for one in scan(awkward)}
    assert {one.path for one in before} < after


def test_paths_that_no_index_can_hold_are_refused_by_one_that_it_can(inbox):
    """Postgres refuses keys above 2,704 bytes, and with them the whole scan."""
    folder = os.open(inbox, os.O_RDONLY)
    for _ in range(12):  # one below the other: together they are longer than a path may be
        os.mkdir("d" * 250, dir_fd=folder)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
        for name in ("a.md", "b.md"):
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    seen = list(scan(inbox))
    assert len(seen) == len({one.path for one in seen})
    assert ["too_deep"] == [one.code for one in seen if len(one.path.encode()) > MAX_PATH_BYTES]
    assert max(len(one.path.encode()) for one in seen) < 2_100


def test_a_link_out_of_the_inbox_is_refused(inbox, tmp_path):
    """Whoever may write into the inbox must not be able to publish what only we may read."""
    put(tmp_path, "secret.txt", b"password")
    put(tmp_path, "elsewhere/more.txt")
    (inbox / "file.txt").symlink_to(tmp_path / "secret.txt")
    (inbox / "relative.txt").symlink_to("../secret.txt")
    (inbox / "folder").symlink_to(tmp_path / "elsewhere")
    (inbox / "root.md").symlink_to("/")
    assert {"outside_inbox"} == set(codes(inbox).values())
    assert 4 == len(codes(inbox))


def test_a_link_inside_the_inbox_is_not_a_second_document(inbox):
    """The file is read under its own name, and the refusal names it."""
    put(inbox, "a/real.md")
    (inbox / "b.md").symlink_to("a/real.md")
    (inbox / "loop").symlink_to(".")
    assert {"a/real.md": "found", "b.md": "link", "loop": "link"} == codes(inbox)
    (refusal,) = [one for one in scan(inbox) if one.path == "b.md"]
    assert "A link to a/real.md, which is read under its own name." == refusal.reason


def test_links_to_nothing_to_themselves_and_to_hidden_files_say_so(inbox):
    """Nobody is told that a file was read which was not."""
    put(inbox, ".data/hidden.md")
    (inbox / "a.md").symlink_to("nothing.md")
    (inbox / "b.md").symlink_to("b.md")
    (inbox / "c.md").symlink_to(".data/hidden.md")
    assert [
        ("a.md", "link", "The link leads nowhere."),
        ("b.md", "link", "The link leads nowhere."),
        ("c.md", "link", "A link to a hidden file; put a copy of the file here instead."),
    ] == [(one.path, one.code, one.reason) for one in scan(inbox)]


def test_the_inbox_itself_may_be_a_link(inbox, tmp_path):
    """That is how it is mounted in many places."""
    put(inbox, "a.md")
    (tmp_path / "mounted").symlink_to(inbox)
    assert {"a.md": "found"} == codes(tmp_path / "mounted")


def test_a_file_swapped_for_a_link_is_never_followed(inbox, tmp_path):
    """Between looking at a name and opening it, the name may have become a link."""
    put(tmp_path, "secret.txt", b"password")
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            put(inbox, "new.txt", b"harmless")
            (inbox / "new.txt").replace(inbox / "a.txt")
            (inbox / "link").symlink_to(tmp_path / "secret.txt")
            (inbox / "link").replace(inbox / "a.txt")

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        seen = [one for _ in range(300) for one in scan(inbox)]
    finally:
        stop.set()
        swapping.join()
    assert b"password" not in {one.content for one in seen if isinstance(one, Found)}


def test_pipes_sockets_and_devices_are_refused(inbox):
    """Opening a pipe would wait for ever."""
    os.mkfifo(inbox / "pipe.txt")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(inbox / "socket.txt"))
        assert {"pipe.txt": "special_file", "socket.txt": "special_file"} == codes(inbox)


def test_what_cannot_be_read_is_refused_and_says_so(inbox, monkeypatch):
    """`Could not read` is not `is gone`: these codes tell the two apart."""
    put(inbox, "closed.md")
    put(inbox, "shut/inside.md")
    put(inbox, "open.md")
    if os.geteuid() == 0:  # root may read everything, so the system call has to refuse
        genuine = os.open

        def refusing(path, *options, **more):
            if path in ("closed.md", "shut"):
                raise PermissionError(13, "Permission denied", path)
            return genuine(path, *options, **more)

        monkeypatch.setattr(os, "open", refusing)
    else:
        (inbox / "closed.md").chmod(0)
        (inbox / "shut").chmod(0)
    assert {"closed.md": "unreadable", "open.md": "found", "shut": "unreadable"} == codes(inbox)
    assert "unreadable" in ACCESS_CODES


def test_empty_oversized_and_unknown_files_are_refused_with_a_reason(inbox):
    """Each in words for the person who put it there."""
    put(inbox, "empty.md", b"")
    put(inbox, "large.txt", b"x" * 2_000_001)
    put(inbox, "picture.png")
    put(inbox, "README")
    reasons = {one.path: (one.code, one.reason) for one in scan(inbox, Bounds(max_bytes=2_000_000))}
    assert ("empty", "The file is empty (0 bytes).") == reasons["empty.md"]
    assert ("oversized", "The file has 2.0 MB; the limit is 2.0 MB.") == reasons["large.txt"]
    assert ("unsupported", "Files ending in .png are not supported") == (
        reasons["picture.png"][0],
        reasons["picture.png"][1].partition(";")[0],
    )
    assert "Files without an ending are not supported" == reasons["README"][1].partition(";")[0]


def test_hidden_and_temporary_files_do_not_count(inbox):
    """Editors, browsers and operating systems leave them behind."""
    for path in (
        ".hidden.md",
        ".git/config.txt",
        "~$open.md",
        "a.md~",
        "b.md.part",
        "__MACOSX/c.md",
        "Thumbs.db",
        "#d.md#",
    ):
        put(inbox, path)
    put(inbox, "real.md")
    assert {"real.md": "found"} == codes(inbox)


def test_names_that_are_not_text_are_refused_by_a_name_that_is(inbox):
    """The refusal itself must be storable and readable."""
    put(inbox, os.fsdecode(b"caf\xe9.md"))
    put(inbox, "two\nlines.md")
    assert {"caf\\xe9.md": "unusable_name", "two\\nlines.md": "unusable_name"} == codes(inbox)


def test_a_file_that_is_being_written_is_left_for_the_next_run(inbox, monkeypatch):
    """Half a document is not a version of it."""
    put(inbox, "growing.txt", b"first half")
    genuine = os.read

    def growing(file, length):
        content = genuine(file, length)
        with (inbox / "growing.txt").open("ab") as more:
            more.write(b" more")
        return content

    monkeypatch.setattr(os, "read", growing)
    assert {"growing.txt": "changing"} == codes(inbox)


def test_folders_without_end_are_cut_short(inbox):
    """The depth is bounded, and what lies beyond is named."""
    put(inbox, "/".join(["d"] * 70) + "/deep.md")
    assert ["too_deep"] == list(codes(inbox).values())


def test_a_missing_inbox_is_never_an_empty_one(tmp_path):
    """Else an unmounted disk would delete the whole knowledge base."""
    with pytest.raises(InboxMissing, match="cannot be opened: no such file or directory"):
        list(scan(tmp_path / "nothing"))
    put(tmp_path, "file.md")
    with pytest.raises(InboxMissing, match="not a directory"):
        list(scan(tmp_path / "file.md"))


class Failing:
    """The list of a folder on a disk that fails after its first entry."""

    def __init__(self, found):
        self.found = found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.found.close()

    def __iter__(self):
        yield next(self.found)
        raise OSError(errno.EIO, "Input/output error")


@pytest.fixture
def failing_disk(monkeypatch):
    """Make the lists of folders with this name break off."""
    genuine = os.scandir

    def make(name):
        def scandir(folder):
            place = Path(f"/proc/self/fd/{folder}").readlink()
            return Failing(genuine(folder)) if place.name == name else genuine(folder)

        monkeypatch.setattr(os, "scandir", scandir)

    return make


def test_a_folder_whose_list_breaks_off_is_refused_as_a_whole(inbox, failing_disk):
    """What the disk had not named yet is not gone."""
    for path in ("sound.md", "torn/one.md", "torn/two.md"):
        put(inbox, path)
    failing_disk("torn")
    sound, torn = scan(inbox)
    assert ("sound.md", "torn") == (sound.path, torn.path)
    assert ("unreadable", "The folder cannot be opened: input/output error.") == (torn.code, torn.reason)


def open_files():
    """How many descriptors this process holds."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_an_inbox_whose_list_breaks_off_is_an_error_that_names_it(inbox, failing_disk):
    """And no descriptor stays open."""
    put(inbox, "one.md")
    failing_disk(inbox.name)
    before = open_files()
    with pytest.raises(InboxMissing, match=f"The inbox {inbox} cannot be opened: input/output error"):
        list(scan(inbox))
    assert before == open_files()


def test_an_inbox_that_is_a_link_to_itself_is_an_error_that_names_it(tmp_path):
    """Not a trace."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InboxMissing, match="loop cannot be opened: "):
        list(scan(tmp_path / "loop"))


def test_what_is_fetched_is_what_was_found(inbox):
    """A file that has changed since is not chunked under the digest of the old one."""
    place = put(inbox, "a/b.md", b"one")
    (found,) = scan(inbox)
    assert b"one" == fetch(inbox, "a/b.md", expected_sha256=found.sha256)
    place.write_bytes(b"two")
    with pytest.raises(Moved):
        fetch(inbox, "a/b.md", expected_sha256=found.sha256)
    place.unlink()
    with pytest.raises(Moved):
        fetch(inbox, "a/b.md", expected_sha256=found.sha256)


@pytest.mark.parametrize(
    "path", ["../secret.txt", "a/../../secret.txt", "/etc/passwd", "folder/secret.txt", ".", ""]
)
def test_fetching_never_leaves_the_inbox(inbox, tmp_path, path):
    """Whatever a row of the database says."""
    place = put(tmp_path, "secret.txt", b"password")
    (inbox / "folder").symlink_to(tmp_path)
    with pytest.raises(Moved):
        fetch(inbox, path, expected_sha256=sha256(place.read_bytes()).digest())


def test_kinds_are_told_by_the_ending():
    """In any case of letters."""
    assert ["markdown", "html", "pdf", "text", None, None] == [
        kind_of(name) for name in ("a.MD", "b.htm", "c.x.PDF", "d.txt", "e", ".md")
    ]
