"""What is an archive inside is looked at before it is unpacked."""

from __future__ import annotations

import io
import time
import tracemalloc
import zipfile

import pytest

from plumbline.corpus.extraction import Unreadable
from plumbline.corpus.extraction.archives import demand_sound

ENTRY = "word/document.xml"


def archive(*entries: tuple[str, bytes], level: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these entries."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", level) as written:
        for name, content in entries:
            written.writestr(name, content)
    return made.getvalue()


def refusal(content: bytes) -> tuple[str, str]:
    """Why an archive is refused."""
    with pytest.raises(Unreadable) as refused:
        demand_sound(content, entry=ENTRY)
    return refused.value.code, refused.value.reason


def test_a_sound_archive_passes():
    """With the entry that makes it what its name says."""
    demand_sound(archive((ENTRY, b"<document/>"), ("word/media/a.png", b"x")), entry=ENTRY)


def test_a_bomb_is_refused_for_what_it_declares():
    """92 KB that would unpack to 95 MB: at once, and without unpacking."""
    bomb = archive((ENTRY, b"0" * 95_000_000))
    assert len(bomb) < 100_000
    tracemalloc.start()
    began = time.perf_counter()

    code, reason = refusal(bomb)

    spent, peak = time.perf_counter() - began, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "oversized" == code
    assert "would unpack from 0.1 to 95.0 MB" in reason
    assert peak < 50_000_000
    assert spent < 10


def test_a_bomb_that_lies_about_its_size_gives_no_more_than_it_says():
    """The sum of what is declared would otherwise bound nothing."""
    honest = archive((ENTRY, b"<a/>"), ("word/media/a.bin", b"0" * 20_000_000))
    lying = honest.replace((20_000_000).to_bytes(4, "little"), (1_000).to_bytes(4, "little"))
    demand_sound(lying, entry=ENTRY)

    with zipfile.ZipFile(io.BytesIO(lying)) as opened, pytest.raises(zipfile.BadZipFile):
        opened.read("word/media/a.bin")


def test_too_many_entries_are_refused():
    """Each costs memory, whatever it holds."""
    code, reason = refusal(archive((ENTRY, b""), *((str(number), b"") for number in range(10_000))))

    assert ("oversized", "The file holds 10,001 files; the limit is 10,000.") == (code, reason)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_declared_entities_are_refused(encoding):
    """A billion laughs, or a way to /etc/passwd."""
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'.encode(encoding)

    code, reason = refusal(archive((ENTRY, b"<a/>"), ("word/styles.xml", bomb)))

    assert ("malformed", "The file declares XML entities (in word/styles.xml); none are read.") == (
        code,
        reason,
    )


def test_a_declaration_behind_a_long_prologue_is_found():
    """Comments may stand before it, of any length."""
    hidden = b"<?xml version='1.0'?><!--" + b" " * 5_000 + b"--><!DOCTYPE a><a/>"

    assert "malformed" == refusal(archive((ENTRY, hidden)))[0]


@pytest.mark.parametrize("encoding", ["utf-32", "utf-32-le", "utf-32-be", "cp037", "utf-7", "gb18030"])
def test_what_cannot_be_looked_at_is_refused(encoding):
    """The parsers of the formats know more encodings than the look does; no office program writes any of them."""
    bomb = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'

    assert "malformed" == refusal(archive((ENTRY, b"<a/>"), ("word/styles.xml", bomb.encode(encoding))))[0]


@pytest.mark.parametrize(
    "declared",
    [
        '<Override PartName="/word/Styles.bin" ContentType="application/x+xml"/>',
        '<Default Extension="BIN" ContentType="application/xml"/>',
    ],
)
def test_a_part_is_xml_if_the_file_says_so_whatever_its_name(declared):
    """A library goes by the types that are declared, not by names."""
    bomb = b'<!DOCTYPE a [<!ENTITY b "ha">]><a>&b;</a>'
    types = f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{declared}</Types>'

    entries = (ENTRY, b"<a/>"), ("[Content_Types].xml", types.encode()), ("word/styles.bin", bomb)

    assert (
        "The file declares XML entities (in word/styles.bin); none are read." == refusal(archive(*entries))[1]
    )


def test_pictures_may_declare_what_they_like():
    """Nobody reads them as a text, and drawing programs write such declarations into theirs."""
    types = b'<Types><Default Extension="svg" ContentType="image/svg+xml"/></Types>'
    picture = b'<!DOCTYPE svg [<!ENTITY ns "x">]><svg/>'

    demand_sound(
        archive((ENTRY, b"<a/>"), ("[Content_Types].xml", types), ("word/media/a.svg", picture)), entry=ENTRY
    )


@pytest.mark.parametrize("main", ["content.xml", "encrypted-package"])
def test_a_manifest_that_speaks_of_encryption_is_believed(main):
    """The archive of an OpenDocument is never encrypted itself: its parts are, or one part that holds them all."""
    manifest = (
        b'<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        b'<manifest:file-entry manifest:full-path="' + main.encode() + b'"><manifest:encryption-data/>'
        b"</manifest:file-entry></manifest:manifest>"
    )
    locked = archive(("mimetype", b"x"), (main, b"\x93\x00\xff"), ("META-INF/manifest.xml", manifest))

    with pytest.raises(Unreadable, match="protected by a password") as refused:
        demand_sound(locked, entry="content.xml")
    assert "encrypted" == refused.value.code


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04 and nothing more", "malformed"),
        (b"no archive", "malformed"),
        (archive(("xl/workbook.xml", b"<a/>")), "malformed"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "encrypted"),
        (b"\xd0\xcf\x11\xe0 an old file", "malformed"),
    ],
)
def test_what_is_no_such_archive_is_refused(content, code):
    """Cut short, another kind, protected by a password, or of an older format."""
    assert code == refusal(content)[0]


def test_names_lead_nowhere(tmp_path, monkeypatch):
    """Nothing is unpacked to a disk, so a name with dots is a name."""
    monkeypatch.chdir(tmp_path)

    demand_sound(archive((ENTRY, b"<a/>"), ("../../evil.xml", b"<a/>"), ("/etc/evil", b"x")), entry=ENTRY)

    assert [] == list(tmp_path.iterdir())
