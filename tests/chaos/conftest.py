"""Work that is done in a process of its own, so that it can be killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from plumbline.embedded.scratch import PSEUDONYMS, Scratch
from plumbline.localmodel.testing import RunningServer

Started = subprocess.CompletedProcess[str]


@pytest.fixture
def in_a_process(scratch: Scratch, database: str, model_server: RunningServer) -> Callable[..., Started]:
    """Run a script of this folder on the test's own database, with these words, to its end or its death."""
    environment = {
        **os.environ,
        "AIRFLOW_CONN_PLUMBLINE_DB": scratch.url(database, "app"),
        "AIRFLOW_CONN_PLUMBLINE_KEEPER": scratch.url(database, "keeper"),
        "AIRFLOW_CONN_PLUMBLINE_PSEUDONYMS": PSEUDONYMS,
        "PLUMBLINE_LOCAL_MODEL_URL": model_server.base_url,
        "PLUMBLINE_TENANT": "main",
    }
    environment.pop("AIRFLOW_CONN_PLUMBLINE_OPENAI", None)

    def run(script: str, *words: object) -> Started:
        command = [sys.executable, str(Path(__file__).with_name(script)), *map(str, words)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    return run
