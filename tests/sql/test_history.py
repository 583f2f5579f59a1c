"""The history of a thing reads both ways, and outlives the thing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.provenance.history import History, Node, Untraceable, history

PAID = ["chunk", "vector", "answer", "call", "run"]


@pytest.fixture
def inbox(tools: Tools, run: Run, tmp_path: Path) -> Path:
    """A published inbox with one document."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "plan.md").write_text("# Plan\n\nThe launch is on the ninth of May.\n", encoding="utf-8")
    load(tools, run, folder=str(folder))
    return folder


def one(tools: Tools, query: str) -> Any:
    """The first column of the first row."""
    with tools.db.transaction("main") as session:
        found = session.execute(query).fetchone()
    assert found is not None
    return next(iter(found.values()))


def kinds(nodes: list[Node]) -> list[str]:
    """The kinds along the first branch."""
    return [nodes[0].kind, *kinds(nodes[0].related)] if nodes else []


def test_a_chunk_leads_back_to_the_bytes_of_its_file(tools: Tools, run: Run, inbox: Path) -> None:
    """Every result of a search can be followed to what was read."""
    chunk = one(tools, "select chunk_id from corpus.chunk")

    found = history(tools, run, str(chunk))

    assert (found.subject.kind, found.subject.id) == ("chunk", str(chunk))
    assert kinds(found.origins) == ["document_version", "source_version"]
    digest = one(tools, "select encode(source_sha256, 'hex') from corpus.document_version")
    assert digest[:16] in found.origins[0].related[0].detail


def test_a_chunk_leads_on_to_its_vector_and_the_call_that_paid(tools: Tools, run: Run, inbox: Path) -> None:
    """What was bought, by which call, at which price, in which run."""
    found = history(tools, run, str(one(tools, "select chunk_id from corpus.chunk")))

    assert kinds(found.effects) == ["vector", "answer", "call", "run"]
    call = found.effects[0].related[0].related[0]
    assert call.id == str(one(tools, "select call_id from ledger.call"))
    assert "settled" in call.detail


@pytest.mark.parametrize(
    ("query", "origins", "effects"),
    [
        ("select document_id from corpus.document", [], ["document_version", *PAID]),
        ("select version_id from corpus.document", ["source_version"], PAID),
        ("select encode(answer_key, 'hex') from corpus.chunk", ["call", "run"], ["chunk"]),
        ("select call_id from ledger.call", ["run"], ["chunk"]),
        ("select run_id from ledger.call", [], ["call"]),
        ("select run_id from lineage.run where job ~ 'publish'", [], ["check"]),
        ("select cause_id from lineage.edge where cause_kind = 'source_version'", [],
         ["document_version", *PAID]),
    ],
    ids=["document", "version", "answer", "call", "run", "publication", "file"],
)  # fmt: skip
def test_every_kind_of_thing_has_its_history(
    tools: Tools, run: Run, inbox: Path, query: str, origins: list[str], effects: list[str]
) -> None:
    """Whatever id an auditor holds, there is a way on."""
    found = history(tools, run, str(one(tools, query)))

    assert (kinds(found.origins), kinds(found.effects)) == (origins, effects)


def test_a_removed_document_keeps_its_history_without_its_text(tools: Tools, run: Run, inbox: Path) -> None:
    """What is gone from the source is gone from the index; that it was there stays on record."""
    chunk = str(one(tools, "select chunk_id from corpus.chunk"))
    document = str(one(tools, "select document_id from corpus.document"))
    (inbox / "plan.md").unlink()
    (inbox / "other.md").write_text("# Other\n\nSomething else.\n", encoding="utf-8")
    load(tools, run, folder=str(inbox))

    of_chunk, of_document = history(tools, run, chunk), history(tools, run, document)

    assert kinds(of_chunk.origins) == ["document_version", "source_version"]
    assert "no longer in its source" in of_document.subject.detail
    assert "removed" in of_document.effects[0].detail
    assert "launch" not in f"{of_chunk.as_json()}{of_document.as_json()}"


@pytest.mark.parametrize("thing", ["8d1f9d3e-0000-4000-8000-000000000000", "f" * 64, "the plan"])
def test_what_is_unknown_is_said_to_be_unknown(tools: Tools, run: Run, inbox: Path, thing: str) -> None:
    """An empty history would look like a thing without one."""
    with pytest.raises(Untraceable):
        history(tools, run, thing)


def test_another_tenant_knows_nothing_of_it(tools: Tools, inbox: Path) -> None:
    """Ids are no secrets, so they open nothing."""
    chunk = str(one(tools, "select chunk_id from corpus.chunk"))

    with pytest.raises(Untraceable):
        history(tools, Run(tenant="other", job="test"), chunk)


def test_a_history_is_plain_values(tools: Tools, run: Run, inbox: Path) -> None:
    """`plumbline lineage --json` prints it as it is."""
    found = history(tools, run, str(one(tools, "select chunk_id from corpus.chunk")))

    assert isinstance(found, History)
    assert found.as_json()["subject"] == {
        "kind": "chunk",
        "id": found.subject.id,
        "name": "plan.md #0",
        "detail": found.subject.detail,
        "related": [],
    }
