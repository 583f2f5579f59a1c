"""Many tasks over one plan: each file in one of them, one rate limit for all, nothing lost by waiting."""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from plumbline.core.connections import Connection
from plumbline.core.receipts import Receipt, Run
from plumbline.core.tokenizer import tokenizer
from plumbline.core.tools import Tools
from plumbline.corpus import scanning
from plumbline.corpus.preparing import prepare_documents
from plumbline.corpus.publishing import publish_index
from plumbline.corpus.scanning import MISSING_VECTORS, MOST_SHARDS, scan_source
from plumbline.embedded.scratch import Scratch
from plumbline.localmodel.testing import RunningServer

FILES = 60


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """A folder with sixty documents, each of one chunk of its own."""
    folder = tmp_path / "fleet"
    folder.mkdir()
    for number in range(FILES):
        lines = " ".join(f"Boat {number}-{line} lies in the harbour of the town." for line in range(12))
        (folder / f"{number:02}.txt").write_text(lines + "\n")
    return folder


@pytest.fixture
def three_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping that is cut at three tasks, where a task for each file would be wanted."""
    monkeypatch.setattr(scanning, "FILES_A_SHARD", 1)
    monkeypatch.setattr(scanning, "FULL_SHARD", 1)
    monkeypatch.setattr(scanning, "MOST_SHARDS", 3)


def test_a_mapping_that_is_cut_leaves_no_file_out(
    tools: Tools, run: Run, fleet: Path, three_shards: None, rows
) -> None:
    """Shards grow instead, evenly: the last task is not the one that everybody waits for."""
    plan = scan_source(tools, run, folder=str(fleet))

    assert [0, 1, 2] == plan["shards"]
    assert {0: 20, 1: 20, 2: 20} == Counter(
        row["shard"] for row in rows("select shard from corpus.ingestion_file")
    )


def test_an_index_in_the_making_has_a_task_of_its_own_within_the_mapping(
    tools: Tools, run: Run, fleet: Path, ingest, three_shards: None, model_server: RunningServer
) -> None:
    """The list that Airflow maps over is one longer then, and small enough to read aloud at its longest."""
    ingest(fleet)
    other = replace(tools, provider=connection(model_server, dimensions=64))
    (fleet / "new.txt").write_text("The harbour has a new crane.\n")

    assert [0, MISSING_VECTORS] == scan_source(other, run, folder=str(fleet))["shards"]
    assert 5_000 > len(json.dumps([*range(MOST_SHARDS), MISSING_VECTORS]))


def test_shards_at_work_at_once_share_one_rate_limit_and_wait_for_it(
    tools: Tools, run: Run, fleet: Path, three_shards: None, scratch: Scratch, database: str,
    model_server: RunningServer, tmp_path: Path, rows,
) -> None:  # fmt: skip
    """The provider never has to say no, no task fails, and all of it is bought once."""
    tokens = sum(tokenizer().count(file.read_text().strip()) for file in fleet.iterdir())
    # All but a twenty-fifth may be sent in the first minute; for the rest, they wait until it is there.
    limit = tokens * 24 // 25
    model_server.limit(tokens_per_minute=limit)
    limited = connection(model_server, tokens_per_minute=limit * 19 // 20)
    plan = scan_source(replace(tools, provider=limited), run, folder=str(fleet))
    done: list[Receipt] = []

    def work(shard: int) -> None:
        with scratch.tools(database, home=tmp_path / str(shard)) as opened:
            own = replace(opened, provider=limited)
            done.append(prepare_documents(own, run, ingestion_id=plan["ingestion_id"], shard=shard))

    tasks = [threading.Thread(target=work, args=(shard,)) for shard in plan["shards"]]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    publish_index(tools, run, ingestion_id=plan["ingestion_id"])

    bill = model_server.meter()
    assert [20, 20, 20] == [receipt["documents"] for receipt in done]
    assert ({}, FILES) == (bill["refused"], bill["inputs"])
    assert bill["tokens"] == sum(receipt["tokens"] for receipt in done) > limit
    assert [{"documents": FILES}] == rows("select count(*) as documents from corpus.document")
    # A request held an eighth of a minute at most, so that nobody's turn was far off.
    assert all(row["tokens_in"] <= limit / 8 for row in rows("select tokens_in from ledger.call"))


def connection(server: RunningServer, **extra: object) -> Connection:
    """The embedded server, named as a provider would be."""
    named = {"embedding_model": "local-wordllama", "idempotent": True, **extra}
    return Connection(kind="openai", host=server.base_url, password="sk-the-key-of-tests", extra=named)
