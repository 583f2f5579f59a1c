"""The command line in a process of its own, as a person or a program would start it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from plumbline.core.receipts import Run
from plumbline.core.tools import Tools
from plumbline.corpus.ingesting import load
from plumbline.embedded.scratch import PSEUDONYMS, Scratch
from plumbline.localmodel.testing import RunningServer

Done = subprocess.CompletedProcess[str]


@pytest.fixture
def environment(
    scratch: Scratch, database: str, model_server: RunningServer, tmp_path: Path
) -> dict[str, str]:
    """What a command finds in its environment."""
    environment = {
        **os.environ,
        "PLUMBLINE_HOME": str(tmp_path / "home"),
        "AIRFLOW_CONN_PLUMBLINE_DB": scratch.url(database, "app"),
        "AIRFLOW_CONN_PLUMBLINE_KEEPER": scratch.url(database, "keeper"),
        "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS": PSEUDONYMS,
        "PLUMBLINE_OWNER_URL": scratch.url(database, "owner"),
        "PLUMBLINE_LOCAL_MODEL_URL": model_server.base_url,
        "PLUMBLINE_TENANT": "main",
        "COLUMNS": "120",
    }
    environment.pop("AIRFLOW_CONN_PLUMBLINE_OPENAI", None)
    return environment


@pytest.fixture
def plumbline(environment: dict[str, str]) -> Callable[..., Done]:
    """Run `plumbline …` in a process of its own, as a program would: no terminal."""

    def type_(*words: str) -> Done:
        command = [sys.executable, "-m", "plumbline", *words]
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return type_


@pytest.fixture
def on_terminal(environment: dict[str, str]) -> Callable[..., tuple[int, str]]:
    """Run `plumbline …` on a terminal of 80 columns; return its exit code and what stood on the screen."""
    environment = {**environment, "TERM": "xterm"}
    del environment["COLUMNS"]

    def type_(*words: str, typed: str = "") -> tuple[int, str]:
        ours, theirs = os.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 0, 0))
        process = subprocess.Popen(
            [sys.executable, "-m", "plumbline", *words],
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        os.write(ours, typed.encode())
        seen = b""
        with contextlib.suppress(OSError):  # a terminal that nobody holds any more ends with an error
            while part := os.read(ours, 65_536):
                seen += part
        os.close(ours)
        screen = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode()).replace("\r\n", "\n")
        return process.wait(60), screen

    return type_


@pytest.fixture
def owner(scratch: Scratch, database: str) -> Iterator[psycopg.Connection]:
    """A session of the owner."""
    with psycopg.connect(scratch.url(database, "owner"), autocommit=True) as session:
        yield session


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two documents and an empty file."""
    made = tmp_path / "documents"
    made.mkdir()
    (made / "leave.md").write_text("# Leave\n\nEvery colleague has thirty days of leave a year.\n")
    (made / "berths.md").write_text(
        "# Berths\n\nA berth costs forty euros a night, water and power included.\n"
    )
    (made / "empty.txt").write_text("")
    return made


@pytest.fixture
def ingested(tools: Tools, run: Run) -> Callable[..., None]:
    """Ingest a folder without the command and the seconds that its suite takes to start."""

    def once(folder: Path, source: str | None = None) -> None:
        load(tools, run, folder=str(folder), source=source)

    return once
