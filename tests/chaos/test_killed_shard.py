"""A mapped task that is killed is repeated by Airflow: it goes on where it was, and its neighbours notice nothing."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.publishing import publish_index
from plumbline.corpus.scanning import scan_source
from plumbline.localmodel.testing import RunningServer

A_PAGE = 256
FILES = 1_200
STAGES = {
    "before its first page is staged": ("corpus/insert_staged_chunks", 1, 0),
    "before its first call is recorded": ("ledger/insert_call", 1, None),
    "when its first answer has come, before it is settled": ("ledger/insert_embeddings", 1, None),
    "when its first page is staged": ("corpus/select_files_to_prepare", 2, A_PAGE),
    "before its second page is staged": ("corpus/insert_staged_chunks", 2, A_PAGE),
    "when all is staged": ("corpus/select_staging_growth", 1, None),
}
"""
The statement before which it dies, the how-manieth use of it, and the files that are staged, and bought, by then.

None, where that depends on which thread was the quicker.
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve hundred small documents: three shards of four hundred, each of two pages."""
    made = tmp_path_factory.mktemp("documents")
    for number in range(FILES):
        (made / f"{number:04}.txt").write_text(
            f"Boat {number} lies in the harbour, at berth {number % 40}.\n"
        )
    return made


@pytest.fixture
def work(
    in_a_process: Callable[..., subprocess.CompletedProcess[str]],
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Prepare a shard in a process of its own."""

    def once(plan: dict[str, object], shard: int, statement: str = "never", times: int = 1) -> object:
        return in_a_process("killed_shard.py", plan["ingestion_id"], shard, statement, times)

    return once


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_shard_of_three_resumes_with_what_it_had_staged(
    stage: str, work, folder: Path, tools: Tools, run: Run, model_server: RunningServer
) -> None:
    """What was staged is not read again, what was bought is not bought again, and nothing is missing at the end."""
    statement, times, staged = STAGES[stage]
    plan = scan_source(tools, run, folder=str(folder))
    assert [0, 1, 2] == plan["shards"]
    first = work(plan, 0)

    killed = work(plan, 1, statement, times)
    assert -signal.SIGKILL == killed.returncode, killed.stderr
    resumed, last = work(plan, 1), work(plan, 2)
    published = publish_index(tools, run, ingestion_id=plan["ingestion_id"])

    read = [json.loads(done.stdout)["documents"] for done in (first, resumed, last)]
    assert [400, read[1] if staged is None else 400 - staged, 400] == read
    assert FILES == published["stored"]
    with tools.db.transaction("main") as session:
        [found] = session.execute(
            "select (select count(*) from corpus.chunk) as chunks, "
            "(select count(*) from corpus.embedding_1) as vectors, "
            "(select sum(inputs) from ledger.call) as inputs, (select count(*) from ledger.intent) as intents, "
            "(select count(*) from corpus.staged_document) as staged"
        ).fetchall()
    bill = model_server.meter()
    assert {"chunks": FILES, "vectors": FILES, "inputs": FILES, "intents": 0, "staged": 0} == found
    assert (FILES, {}) == (bill["inputs"], bill["refused"])
