"""Files made to hurt: each is refused with its reason, in bounds, and nothing else is disturbed."""

from __future__ import annotations

import io
import zipfile

import docx
import openpyxl
import pytest

from plumbline.corpus.extraction import Unreadable, extract
from plumbline.corpus.extraction.model import LIMITS
from plumbline.corpus.extraction.pool import Worker


def archive(*entries: tuple[str, bytes]) -> bytes:
    """An archive of these entries."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in entries:
            written.writestr(name, content)
    return made.getvalue()


def word(**replaced: bytes) -> bytes:
    """A Word document, some entries of which have been replaced."""
    made = io.BytesIO()
    document = docx.Document()
    document.add_paragraph("A good document.")
    document.save(made)
    with zipfile.ZipFile(made) as opened:
        entries = {name: opened.read(name) for name in opened.namelist()}
    return archive(*(entries | replaced).items())


LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><a>&j;</a>"
)
FILES_OF_THE_MACHINE = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>'
)


@pytest.fixture
def hostile(inbox, tmp_path):
    """The inbox with what somebody put beside its documents, and the reason that each must be refused for."""
    bomb = archive(("word/document.xml", b"0" * 95_000_000))
    assert len(bomb) < 95_000
    pages = b"".join(b"%d 0 R " % 3 for _ in range(10_000))
    pdf = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 10000/Kids["
        + pages
        + b"]>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
    )
    sheet = io.BytesIO()
    openpyxl.Workbook().save(sheet)
    files = {
        "bomb.docx": (bomb, "oversized"),
        "bomb.xlsx": (archive(("xl/workbook.xml", b"0" * 95_000_000)), "oversized"),
        "bomb.odt": (archive(("content.xml", b"0" * 95_000_000)), "oversized"),
        "many.pptx": (
            archive(("ppt/presentation.xml", b""), *((str(n), b"") for n in range(10_000))),
            "oversized",
        ),
        "pages.pdf": (pdf, "too_many_pages"),
        "laughs.docx": (word(**{"word/document.xml": LAUGHS}), "malformed"),
        "passwd.docx": (word(**{"word/styles.xml": FILES_OF_THE_MACHINE}), "malformed"),
        "nested.zip": (archive(("bomb.docx", bomb)), "unsupported"),
        "sheet.docx": (sheet.getvalue(), "malformed"),
        "cut.docx": (word()[:3_000], "malformed"),
        "old.docx": (b"\xd0\xcf\x11\xe0" + bytes(5_000), "malformed"),
    }
    for name, (content, _) in files.items():
        (inbox / name).write_bytes(content)
    (inbox / "shadow.docx").symlink_to("/etc/passwd")
    (inbox / "climbing.docx").write_bytes(
        word(**{"../../../climbed.xml": b"<a/>", "word/embeddings/inner.zip": bomb})
    )
    return {name: code for name, (_, code) in files.items()} | {"shadow.docx": "outside_inbox"}


def test_each_is_refused_and_the_rest_is_published(hostile, ingest, rows, tmp_path):
    """A bomb beside them costs the good documents nothing; an archive inside a document is not opened."""
    summary = ingest()

    refused = {row["path"]: row["code"] for row in rows("select path, code from corpus.refused_document")}
    assert hostile == refused
    assert (3 + 1, len(hostile)) == (summary["stored"], summary["refused"])
    texts = " ".join(row["text"] for row in rows("select text from corpus.chunk"))
    assert "A good document." in texts
    assert "root:" not in texts
    assert not list(tmp_path.rglob("climbed*"))


def test_a_bomb_is_refused_within_a_little_memory(hostile, inbox):
    """The process that reads it never unpacks it."""
    import psutil

    with Worker() as worker:
        worker.read(word(), "docx", LIMITS)
        before = psutil.Process(worker._process.pid).memory_info().rss
        with pytest.raises(Unreadable, match="would unpack"):
            worker.read((inbox / "bomb.docx").read_bytes(), "docx", LIMITS)
        after = psutil.Process(worker._process.pid).memory_info().rss

    assert after - before < 50_000_000


@pytest.mark.parametrize("kind", ["rst", "html", "markdown", "eml", "csv", "rtf"])
def test_text_that_nests_without_end_is_read_or_refused(kind):
    """Within its limits, whatever its parser does."""
    source = b"Subject: x\n\n" + b"- " * 20_000 + b"{" * 20_000 + b"<b>" * 20_000 + b"\n\n" + b"*" * 20_000

    outcome = []
    try:
        outcome.append(extract(source, kind, f"deep.{kind}").text)
    except Unreadable as refused:
        outcome.append(refused.code)

    assert len(outcome[0]) > 1_000 or outcome[0] in {"malformed", "timeout", "out_of_memory", "crashed"}
