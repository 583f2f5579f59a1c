"""
Airflow's REST API (version 2), as far as the demo and the doctor need it.

Only 127.0.0.1 is spoken to, past any proxy.  A token is fetched at the first call and again when it has run out.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from plumbline.embedded.errors import EmbeddedError

_SECONDS = 30.0
_UNAUTHORIZED = 401
_NOT_FOUND = 404


class AirflowRefused(EmbeddedError):
    """Airflow answered a request with an error."""


class AirflowSilent(EmbeddedError):
    """Airflow's API server does not answer."""


class AirflowApi:
    """A signed-in view of the running Airflow."""

    def __init__(self, address: str, user: str, password: str) -> None:
        self.address = address.rstrip("/")
        self._sign_in = {"username": user, "password": password}
        self._token: str | None = None
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> dict[str, Any]:
        """Return the state of the components, open to everybody; raises `AirflowSilent` before it answers."""
        return self._send("GET", "/api/v2/monitor/health", token=None)

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """Return a DAG, None while Airflow does not know it."""
        try:
            return self._call("GET", f"/dags/{quote(dag_id)}")
        except AirflowRefused as error:
            if error.__cause__ and getattr(error.__cause__, "code", 0) == _NOT_FOUND:
                return None
            raise

    def dags(self) -> list[dict[str, Any]]:
        """Return all DAGs."""
        found: list[dict[str, Any]] = self._call("GET", "/dags?limit=100")["dags"]
        return found

    def import_errors(self) -> dict[str, str]:
        """Return file to error for the DAG files that could not be read."""
        found = self._call("GET", "/importErrors")["import_errors"]
        return {entry["filename"]: entry["stack_trace"] for entry in found}

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run a DAG."""
        self._call("PATCH", f"/dags/{quote(dag_id)}?update_mask=is_paused", {"is_paused": False})

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Start a run now and return its id."""
        body = {"logical_date": datetime.now(UTC).isoformat(), "conf": conf}
        return str(self._call("POST", f"/dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])

    def unfinished_runs(self, dag_id: str) -> list[str]:
        """Return the ids of the runs that are queued or running, oldest first."""
        states = urlencode([("state", "running"), ("state", "queued"), ("order_by", "run_after")])
        found = self._call("GET", f"/dags/{quote(dag_id)}/dagRuns?{states}")["dag_runs"]
        return [run["dag_run_id"] for run in found]

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return one run."""
        return self._call("GET", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return the task instances of one run, mapped ones one by one."""
        found: list[dict[str, Any]] = self._call(
            "GET", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id)}/taskInstances?limit=1000"
        )["task_instances"]
        return found

    def retry_now(self, dag_id: str, run_id: str) -> None:
        """Let the tasks of a run that wait for their next try be tried at once."""
        waiting = [task for task in self.tasks(dag_id, run_id) if task["state"] == "up_for_retry"]
        names = [
            [task["task_id"], task["map_index"]] if task["map_index"] >= 0 else task["task_id"]
            for task in waiting
        ]
        if names:
            body = {"dry_run": False, "dag_run_id": run_id, "task_ids": names, "only_failed": False}
            self._call("POST", f"/dags/{quote(dag_id)}/clearTaskInstances", body)

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        if self._token is None:
            self._token = self._send("POST", "/auth/token", self._sign_in, token=None)["access_token"]
        try:
            return self._send(method, f"/api/v2{path}", body, token=self._token)
        except AirflowRefused as error:
            if getattr(error.__cause__, "code", 0) != _UNAUTHORIZED:
                raise
            self._token = None
        return self._call(method, path, body)

    def _send(self, method: str, path: str, body: object = None, *, token: str | None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= {"Authorization": f"Bearer {token}"} if token else {}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)  # noqa: S310 - ours
        try:
            with self._opener.open(request, timeout=_SECONDS) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")[:300]
            raise AirflowRefused(f"Airflow refused {method} {path} (HTTP {error.code}): {said}") from error
        except (OSError, ValueError) as error:
            raise AirflowSilent(f"Airflow does not answer at {self.address} ({error}).") from error
