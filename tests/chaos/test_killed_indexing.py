"""Whatever kills the building of another index, and wherever: the next one completes it and pays for nothing twice."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.localmodel.testing import RunningServer

STAGES = {
    "before its table is made": ("corpus/open_index", 1),
    "before a call is recorded": ("ledger/insert_call", 1),
    "when an answer has come, before it is settled": ("ledger/insert_embeddings", 1),
    "when the first page is bought, before it is kept": ("corpus/lock_tenant", 2),
    "between two pages": ("corpus/touch_index", 2),
    "before its graph": ("corpus/build_graph", 1),
    "while it is compared": ("corpus/insert_comparison", 1),
    "while it is swapped": ("corpus/enforce_index", 1),
    "at the end of the swap": ("corpus/supersede_for_swap", 1),
}


@pytest.fixture
def start(
    in_a_process: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Build, compare and swap in a process of its own."""
    questions = tmp_path / "questions.jsonl"
    questions.write_text(json.dumps({"id": "q", "text": "Which quay has 7?", "relevant": ["007.md"]}))

    def once(statement: str = "never", times: int = 1) -> subprocess.CompletedProcess[str]:
        return in_a_process("killed_indexing.py", questions, statement, times)

    return once


@pytest.mark.parametrize("stage", STAGES)
def test_an_index_whose_making_was_killed_at_any_stage_is_completed_by_the_next_one(
    stage: str, start, tools: Tools, model_server: RunningServer, tmp_path: Path
) -> None:
    """One vector for each chunk, in force; a publication in between sweeps nothing; the ledger is equal to the bill."""
    folder = tmp_path / "documents"
    folder.mkdir()
    for number in range(250):
        (folder / f"{number:03}.md").write_text(
            f"# Quay {number}\n\nThe quay {number} has {number * 7} rings.\n"
        )
    load(tools, Run(tenant="main", job="chaos", dag_run_id="chaos"), folder=str(folder))
    model_server.reset()

    killed = start(*STAGES[stage])
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    (folder / "new.md").write_text("# New\n\nA quay that was built since.\n")
    load(tools, Run(tenant="main", job="chaos", dag_run_id="chaos-2"), folder=str(folder))
    completed = start()

    assert 0 == completed.returncode, completed.stderr
    with tools.db.transaction("main") as session:
        found = session.execute(
            "select count(*) as chunks, count(vector.chunk_id) as vectors, "
            "(select array_agg(state order by index_id) from corpus.vector_index) as states "
            "from corpus.chunk left join corpus.embedding_2 as vector using (chunk_id, answer_key)"
        ).fetchone()
        booked = session.execute(
            "select sum(inputs) as inputs, (select count(*) from ledger.intent) as intents "
            "from ledger.call where dag_run_id <> 'chaos'"
        ).fetchone()
    assert (251, 251) == (found["chunks"], found["vectors"])
    assert ["retired", "in_force"] == found["states"]
    # Each text once by either model, and the question once by either.
    assert 251 + 1 + 2 == model_server.meter()["inputs"] == booked["inputs"]
    assert 0 == booked["intents"]
