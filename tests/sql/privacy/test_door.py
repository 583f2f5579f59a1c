"""Through the door nothing personal goes, in whichever way a text comes to it."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys

import pytest

from plumbline.corpus import scanning
from plumbline.corpus.ingesting import load
from plumbline.corpus.planning import plan_ingestion
from plumbline.corpus.search import search
from plumbline.corpus.summary import summarise
from plumbline.embedded.scratch import PSEUDONYMS
from plumbline.models import Door, transport
from plumbline.privacy.keys import NoKeys
from plumbline.privacy.minimise import Minimiser

KILLED_WHILE_SENDING = """
import os, signal, sys
from plumbline.core.receipts import Run
from plumbline.core.tools import open_tools
from plumbline.models import Door, transport

transport.post = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with open_tools() as tools:
    Door(tools, Run(tenant="main", job="killed")).embed("search_query", [sys.argv[1]])
"""
PERSONAL = "Mail jane@example.org or call +44 20 7946 0958."


@pytest.fixture
def sent(monkeypatch):
    """What was sent to the model."""
    bodies, real = [], transport.post

    def post(endpoint, path, body, key):
        bodies.append(body.decode())
        return real(endpoint, path, body, key)

    monkeypatch.setattr(transport, "post", post)
    return bodies


@pytest.fixture
def inbox(tmp_path):
    """Two documents, one with personal data."""
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "contact.txt").write_text(f"Whoever is late asks the harbour office. {PERSONAL}\n")
    (folder / "prices.txt").write_text("A berth costs 40 euros a night. Water and power are included.\n")
    return folder


def ingest(tools, run, inbox, number):
    """Ingest the inbox as a run of its own."""
    this = dataclasses.replace(run, dag_run_id=f"test__{number}")
    load(tools, this, folder=str(inbox))
    return summarise(tools, this, dag_run_id=this.dag_run_id)


def test_neither_a_request_nor_the_ledger_holds_a_value(tools, run, sent, session):
    """What is embedded is minimised, and so is its key."""
    door = Door(tools, run)

    vectors = door.embed("search_query", [PERSONAL, "boats"])

    assert vectors[0] == door.embed("search_query", [door.minimise(PERSONAL)])[0]
    assert len(sent) == 1
    assert "jane@" not in sent[0]
    assert "7946" not in sent[0]
    assert "[email-" in json.loads(sent[0])["input"][0]


def test_the_bill_counts_what_is_sent(tools, run, sent, model_server):
    """A pseudonym has other tokens than the value: what is reserved and what is billed agree."""
    door = Door(tools, run)
    with door.embedding("embed_chunk") as stream:
        stream.add(PERSONAL, 1)

    assert model_server.meter()["prompt_tokens"] == stream.usage.tokens


def test_without_a_key_nothing_is_sent(without_keys, run, sent, inbox):
    """Neither a text with personal data, nor what stands beside it in one request."""

    def buy():
        with Door(without_keys, run).embedding("embed_chunk") as stream:
            stream.add("boats", 1)
            stream.add(PERSONAL, 20)

    with pytest.raises(NoKeys):
        buy()

    assert sent == []


def test_a_search_without_a_key_goes_by_words_and_says_why(tools, without_keys, run, inbox):
    """Half a search is better than none."""
    ingest(tools, run, inbox, 1)

    found = search(without_keys, run, "harbour office of jane@example.org")

    assert found.hits
    assert "plumbline_pseudonyms" in found.remark


def test_only_what_the_detection_changes_is_bought_anew(tools, run, inbox, model_server, sent, monkeypatch):
    """Documents that were embedded before there were pseudonyms are prepared again; one chunk is paid for."""
    with monkeypatch.context() as before:
        before.setattr(Minimiser, "minimise", lambda _, text: text)
        ingest(tools, run, inbox, 1)
    monkeypatch.setattr(scanning, "PIPELINE", "the next one")
    assert "jane@" in "".join(sent)
    model_server.reset()
    sent.clear()

    planned = plan_ingestion(tools, run, folder=str(inbox))
    after = ingest(tools, run, inbox, 2)

    assert 1 == planned["to_buy"] == after["embedded"] == model_server.meter()["inputs"]
    assert "[email-" in sent[0]
    assert "jane@" not in sent[0]
    assert 0 == plan_ingestion(tools, run, folder=str(inbox))["to_buy"]


def test_a_plan_says_what_a_run_would_buy_and_writes_no_pseudonym(tools, run, inbox, session):
    """Nobody's value is kept because somebody asked what it would cost."""
    planned = plan_ingestion(tools, run, folder=str(inbox))

    assert 2 == planned["to_buy"]
    assert [] == session("owner").execute("select * from privacy.pseudonym").fetchall()
    assert 2 == ingest(tools, run, inbox, 1)["embedded"]


def test_a_worker_that_is_killed_while_sending_leaves_the_words_that_the_next_one_uses(
    tools, scratch, database, tmp_path, session
):
    """They were written down before anything went out; nothing is written twice."""
    environment = {
        **os.environ,
        "PLUMBLINE_HOME": str(tmp_path),
        "AIRFLOW_CONN_PLUMBLINE_DB": scratch.url(database, "app"),
        "AIRFLOW_CONN_PLUMBLINE_KEEPER": scratch.url(database, "keeper"),
        "AIRFLOW_CONN_PLUMBLINE_OPENAI": "",
        "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS": PSEUDONYMS,
        "PLUMBLINE_LOCAL_MODEL_URL": tools.settings.text("PLUMBLINE_LOCAL_MODEL_URL"),
    }

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_WHILE_SENDING, PERSONAL], env=environment, timeout=120, check=False
    )
    minimised = Minimiser(tools, "main").minimise(PERSONAL)

    owner = session("owner")
    intents = owner.execute("select request from ledger.intent").fetchall()
    assert -signal.SIGKILL == killed.returncode
    assert [minimised] == [json.loads(bytes(row["request"]))["input"][0] for row in intents]
    assert 2 == len(owner.execute("select * from privacy.pseudonym").fetchall())
