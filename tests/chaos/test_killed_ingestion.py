"""Whatever kills an ingestion, and wherever: the next run ends with the same rows and pays for nothing twice."""

from __future__ import annotations

import random
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer

STAGES = {
    "while the plan is written": ("corpus/insert_plan", 1),
    "when the plan stands": ("corpus/select_files_to_prepare", 1),
    "before a call is recorded": ("ledger/insert_call", 1),
    "when an answer has come, before it is settled": ("ledger/insert_embeddings", 1),
    "before the second call is recorded": ("ledger/insert_call", 2),
    "before the first documents are staged": ("corpus/insert_staged_chunks", 1),
    "when the documents are staged": ("corpus/analyze_staging", 1),
    "before publication": ("corpus/create_gone_chunk", 1),
    "while documents are published": ("corpus/upsert_chunks", 1),
    "at the end of the publication": ("corpus/delete_plan", 1),
    "when everything is published": ("corpus/build_search_indexes", 1),
}


ROWS = {
    "documents": "select path, version_id, source_sha256, title, language, metadata from corpus.document",
    "versions": "select version_id, text_sha256, text, superseded_at, removed_at from corpus.document_version",
    "chunks": "select chunk_id, version_id, ordinal, span_start, span_end, heading_path, tokens, text, answer_key "
    "from corpus.chunk",
    "words": "select chunk_id, length, terms::text from corpus.chunk_terms",
    "vectors": "select chunk_id, answer_key, embedding::text from corpus.embedding_1",
    "frequencies": "select term, chunks from corpus.term where chunks > 0",
    "statistics": "select chunks, words from corpus.statistics",
    "answers": "select key, tokens, vector::text from ledger.answer",
}
"""What must be the same after a run that was killed as after one that nothing disturbed: content, not times or runs."""


def fingerprints(tools: Tools) -> dict[str, str]:
    """One fingerprint over all rows of each kind, in an order that is theirs."""
    with tools.db.transaction("main") as session:
        return {
            name: session.execute(
                "select count(*) || ' ' || md5(string_agg(row::text, ',' order by row::text)) as all "
                f"from ({query}) as row"
            ).fetchone()["all"]
            for name, query in ROWS.items()
        }


@pytest.fixture(scope="module")
def undisturbed(
    scratch: Scratch,
    shared_model_server: RunningServer,
    folder: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, str]:
    """The rows of an ingestion that nothing disturbed."""
    home = tmp_path_factory.mktemp("undisturbed")
    with scratch.tools(scratch.new_database(), home=home, model_url=shared_model_server.base_url) as tools:
        load(tools, Run(tenant="main", job="test.undisturbed", dag_run_id="undisturbed"), folder=str(folder))
        return fingerprints(tools)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred documents, in some four hundred chunks."""
    chance = random.Random(5)  # noqa: S311 - the same documents every time
    words = [
        f"{first}{second}"
        for first in ["harbour", "quay", "berth", "tide", "rope", "sail", "mast", "keel"]
        for second in ("", "s", "er", "ing")
    ]
    made = tmp_path_factory.mktemp("documents")
    for number in range(200):
        paragraphs = [
            " ".join(chance.choices(words, k=120)).capitalize() + f" in {number}." for _ in range(4)
        ]
        (made / f"{number:03}.md").write_text(f"# Document {number}\n\n" + "\n\n".join(paragraphs) + "\n")
    return made


@pytest.fixture
def start(
    in_a_process: Callable[..., subprocess.CompletedProcess[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run an ingestion in a process of its own."""

    def once(folder: Path, statement: str = "never", times: int = 1) -> subprocess.CompletedProcess[str]:
        return in_a_process("killed_ingestion.py", folder, statement, times)

    return once


@pytest.mark.parametrize("stage", STAGES)
def test_an_ingestion_killed_at_any_stage_is_completed_by_the_next_one(
    stage: str, start, folder: Path, undisturbed: dict[str, str], tools: Tools, model_server: RunningServer
) -> None:
    """Same rows as an undisturbed run, nothing billed twice, the ledger equal to the bill."""
    killed = start(folder, *STAGES[stage])
    assert -signal.SIGKILL == killed.returncode, killed.stderr

    completed = start(folder)

    assert 0 == completed.returncode, completed.stderr
    with tools.db.transaction("main") as session:
        found = session.execute(
            "select count(*) as chunks, count(distinct document_id) as documents, count(distinct answer_key) as texts, "
            "(select count(*) from corpus.embedding_1) as vectors, "
            "(select count(*) from corpus.staged_document) as staged, "
            "(select count(*) from ledger.intent) as intents, "
            "(select sum(tokens) from corpus.chunk) as tokens from corpus.chunk"
        ).fetchone()
        booked = session.execute(
            "select sum(inputs) as inputs, sum(tokens_in) as tokens, count(*) as calls, "
            "array_agg(distinct state) as states "
            "from ledger.call"
        ).fetchone()
    bill = model_server.meter()
    assert undisturbed == fingerprints(tools)
    assert (200, 0, 0) == (found["documents"], found["staged"], found["intents"])
    assert found["chunks"] == found["vectors"]
    assert found["texts"] == bill["inputs"] == booked["inputs"]
    assert bill["tokens"] == booked["tokens"]
    assert (bill["billed_requests"], ["settled"]) == (booked["calls"], booked["states"])
