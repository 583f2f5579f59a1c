"""The sample company is whole in itself, and points at nobody who exists."""

from __future__ import annotations

import json
import re
from functools import cache
from urllib.parse import unquote, urlsplit

import pytest

from plumbline.core.settings import PROJECT_ROOT
from plumbline.corpus.extraction import Unreadable, extract
from plumbline.corpus.kinds import kind_of

SAMPLES = PROJECT_ROOT / "samples"
DOCUMENTS = SAMPLES / "documents"
FILES = sorted(path for path in SAMPLES.rglob("*") if path.is_file())
REFUSED = {
    "company/board-minutes-2026-q2.pdf",
    "company/delivery-note-4471-scan.pdf",
    "company/trade-fair-notes.txt",
}
"""Cannot be read, on purpose."""

_LINK = re.compile(
    r"\]\(([^()\s]+)[^()]*\)|(?:href|src)=[\"']([^\"']+)[\"']|^\[[^\]]+\]:\s*(\S+)", re.MULTILINE
)
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://([^\s/:\"'<>()`]+)", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
_HOST = re.compile(
    r"\b(?:[a-z0-9-]+\.)+(?:com|org|net|io|de|es|uk|eu|co|fr|app|dev|cloud|info|biz|ai|me|tv)\b",
    re.IGNORECASE,
)
_RESERVED = re.compile(
    # RFC 2606 and RFC 6761; .local is what devices call themselves on their own network (RFC 6762).
    r"(?:.+\.)?(?:example\.(?:com|org|net)|example|test|invalid|localhost|local)|127\.0\.0\.1",
    re.IGNORECASE,
)


@cache
def said(path):
    """What a file says: its source where that is text, and else what is read; nothing of one that cannot be."""
    if path.suffix not in {".pdf", ".docx", ".pptx", ".xlsx", ".odt", ".rtf", ".eml"}:
        return path.read_text(encoding="utf-8")
    try:
        return extract(path.read_bytes(), kind_of(path.name), path.name).text
    except Unreadable:
        return ""


def named_hosts(text):
    """Every host that a text names."""
    return [*_URL.findall(text), *_MAIL.findall(text), *_HOST.findall(text)]


def test_every_question_is_answered_by_documents_that_are_there():
    """A figure of a search over questions without answers means nothing."""
    lines = (SAMPLES / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    questions = [json.loads(line) for line in lines]
    relevant = {path for question in questions for path in question["relevant"]}

    assert len(questions) == len({question["id"] for question in questions}) >= 30
    assert [] == [question["id"] for question in questions if not question["relevant"]]
    assert set() == {path for path in relevant if not (DOCUMENTS / path).is_file()}
    assert set() == relevant & REFUSED
    assert 3 == sum(question.get("demo", False) for question in questions)


def test_the_files_that_cannot_be_read_are_those_that_the_readme_names():
    """The demo shows how files are refused, and why."""
    refused = set()
    for path in (path for path in FILES if path.is_relative_to(DOCUMENTS)):
        try:
            extract(path.read_bytes(), kind_of(path.name), path.name)
        except Unreadable:
            refused.add(str(path.relative_to(DOCUMENTS)))

    assert refused == REFUSED
    assert all(f"`documents/{path}`" in said(SAMPLES / "README.md") for path in REFUSED)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SAMPLES)))
def test_every_link_leads_to_a_file_and_every_address_to_nobody(path):
    """A reader follows links; a mail to an invented company must reach no real one."""
    text = said(path)
    targets = [next(filter(None, found)) for found in _LINK.findall(text)]
    relative = [unquote(urlsplit(target).path) for target in targets if not urlsplit(target).scheme]

    assert [] == [target for target in relative if target and not (path.parent / target).is_file()]
    assert [] == [host for host in named_hosts(text) if not _RESERVED.fullmatch(host.rstrip("."))]


def test_a_real_address_would_be_noticed():
    """The rule above can fail."""
    text = "Write to help@wrenfold.farm, see https://wrenfold.example.org/a or www.wrenfold.de, or http://hedge.local."
    assert ["wrenfold.farm", "www.wrenfold.de"] == sorted(
        {host for host in named_hosts(text) if not _RESERVED.fullmatch(host.rstrip("."))}
    )
