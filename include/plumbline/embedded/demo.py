"""
The demo: from documents to a searchable knowledge base, watched.

Starts what does not run, lets Airflow ingest the folder, follows the run, and shows what came of it.  It may be run
again at any time: parts that are up stay up, and documents that have not changed cost nothing.  Interrupted, it ends
the parts that it started, whether or not anybody still listens; when its run has ended, well or not, they stay up
until `make down`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from plumbline.core.env_files import read_env_file
from plumbline.core.settings import PROJECT_ROOT, Settings
from plumbline.embedded import outcome
from plumbline.embedded.airflow_api import AirflowApi, AirflowRefused, AirflowSilent
from plumbline.embedded.documents import documents_folder
from plumbline.embedded.errors import EmbeddedError, PartFailed
from plumbline.embedded.home import write_atomically
from plumbline.embedded.overrides import sentence
from plumbline.embedded.parts import last_telling_line
from plumbline.embedded.services import Installation
from plumbline.embedded.starting import Start
from plumbline.embedded.terminal import Progress, listed, say

DAG = "ingest_documents"
_DAG_SECONDS = 120.0
_STILL_SECONDS = 3600.0
_LOOK_SECONDS = 0.5
_SCHEDULE_SECONDS = 15.0
_FINISHED = ("success", "failed")
# What a step raises in the place of an error of ours that no retry can help.
_FOR_PEOPLE = ("AirflowFailException",)
_DONE = frozenset({"success", "skipped", "removed"})
_ASKS = "awaiting_input"
_LOST = frozenset({"failed", "upstream_failed"})
_NEXT = """
Next, after `. .venv/bin/activate`:
  plumbline documents                       what is in, what was refused, what changed
  plumbline sources add -h                  object stores, web sites, mailboxes, other folders
  plumbline budget                          what may be spent, what is, and what is left; set caps
  plumbline index plan --dimensions 128     what another index beside this one would cost; then build, compare, swap"""
_SAMPLES = "samples/documents"
_ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunFailed(EmbeddedError):
    """The run of the DAG failed; the message names the task and its log."""


class RunStill(RunFailed):
    """The run of the DAG has stood still for long; it goes on when what holds it up is mended."""


def run_demo(documents: str | None = None) -> int:
    """Do all of it for this folder, or for the one that was read last; return the exit code."""
    installation = Installation.here()
    named, why = chosen_documents(documents, read_env_file(installation.home.env_file).get("PLUMBLINE_INBOX"))
    folder = documents_folder(named, PROJECT_ROOT)
    settings = Settings.load()
    outcome.provider(settings)  # what is wrong with it is said before anything is touched
    say(f"reading {folder}{why}{'' if settings.tenant == 'main' else f', for the tenant {settings.tenant}'}")
    with installation.home.alone(), _undone_when_interrupted(installation) as started:
        seconds = _start(installation, started)
        with outcome.opened(installation) as found:
            found.announce_spending(folder)
        began = time.monotonic()
        try:
            run_id = _ingest(installation, folder)
        except (AirflowSilent, AirflowRefused):
            installation.check_alive()  # the dead part is better news than who misses it
            raise
        except RunFailed:
            started.clear()  # its pages show what went wrong
            show_address(installation)
            raise
        seconds["ingest"] = round(time.monotonic() - began, 1)
        began = time.monotonic()
        with outcome.opened(installation) as found:
            summary = found.summary(run_id)
            found.show_summary(summary)
            questions = found.questions(folder, summary)
            for question in questions:
                found.show_search(question)
            found.show_duplicates()
            door = found.show_door(questions)
        seconds["show"] = round(time.monotonic() - began, 1)
        write_atomically(
            installation.home.summary_file,
            json.dumps(demo_record(summary, seconds, door), indent=2) + "\n",
            mode=0o644,
        )
        started.clear()
    print()
    return show_address(installation)


def chosen_documents(named: str | None, kept: str | None) -> tuple[str, str]:
    """
    Return which folder to read, and why that one, where nobody has named it.  Pure.

    `kept` is the one that was read last, which the hourly runs read, too: to leave it, one says so.
    """
    if named is not None:
        return named, ""
    if not kept or PROJECT_ROOT / kept == PROJECT_ROOT / _SAMPLES:
        return _SAMPLES, ", a small company of our own making: `make demo DOCUMENTS=folder` reads yours"
    return kept, f" as the last time: `make demo DOCUMENTS={_SAMPLES}` goes back to the samples"


def show_address(installation: Installation | None = None) -> int:
    """Print the address and sign-in of Airflow; return 1 when it does not run."""
    installation = installation or Installation.here()
    if not installation.running():
        print("Airflow does not run: `make demo` starts it.")
        return 1
    api = installation.api
    user, password = installation.sign_in
    print(f"Airflow:  {api.address}   user {user}   password {password}")
    print(f"Runs of the pipeline:  {api.address}/dags/{DAG}")
    print("`make open` prints this again, `make down` stops everything.")
    print(_NEXT)
    return 0


def demo_record(
    summary: Mapping[str, Any], seconds: Mapping[str, float], door: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what demo.json holds.  Pure."""
    names = ("documents", "chunks", "embedded", "refused", "requests", "tokens", "cost_usd")
    return {**{name: summary[name] for name in names}, "door": door, "seconds": dict(seconds)}


def task_line(tasks: Sequence[Mapping[str, Any]]) -> str:
    """Return in a few words how far a run is, from its task instances.  Pure."""
    if not tasks:
        return "waiting for the scheduler"
    states = Counter(str(task["state"] or "waiting") for task in tasks)
    done = sum(states[state] for state in _DONE)
    at_work = sorted({task["task_id"] for task in tasks if task["state"] == "running"})
    lost = sorted({task["task_id"] for task in tasks if task["state"] in _LOST | {"up_for_retry"}})
    words = [f"{done} of {len(tasks)} tasks done"]
    words += [f"at work: {', '.join(at_work)}"] if at_work else []
    words += ["waiting for your approval"] if states[_ASKS] else []
    words += [f"in trouble: {', '.join(lost)}"] if lost else []
    return "; ".join(words)


def _start(installation: Installation, started: list[str]) -> dict[str, float]:
    """Start what does not run, and anew what runs with code, packages or settings that have been replaced since."""
    with Progress("start the parts") as progress:
        if changed := installation.changed():
            progress.tell(f"{listed(changed)} changed since the parts were started: they are started anew")
            installation.down()
        seconds = Start(installation, progress, started).run()
        progress.done("all of them answer on 127.0.0.1")
    if names := installation.overridden():
        say(sentence(names))
    return seconds


@contextlib.contextmanager
def _undone_when_interrupted(installation: Installation) -> Iterator[list[str]]:
    """Give a list for the names of the parts that are started; while it holds any, leaving early ends those."""
    started: list[str] = []
    try:
        yield started
    except BaseException:
        if started:
            _undo(installation, started)
        raise


def _undo(installation: Installation, started: Sequence[str]) -> None:
    """End what was started, also when the terminal or the pipe that would be told is gone."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in _ENDINGS}
    progress = Progress("end what this run started")
    try:
        with contextlib.suppress(OSError):
            progress.__enter__()
        installation.end(started)
    finally:
        with contextlib.suppress(OSError):
            progress.__exit__(*sys.exc_info())
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _ingest(installation: Installation, folder: Path) -> str:
    """Run the DAG on the folder and return the id of the run."""
    api = installation.api
    before = {**read_env_file(installation.home.env_file), **installation.inherited}
    # The hourly runs read the same folder from now on; and where .env has them read another, this one is open, too.
    # One of the project moves with it.
    kept = str(folder.relative_to(PROJECT_ROOT) if folder.is_relative_to(PROJECT_ROOT) else folder)
    installation.keep_settings(PLUMBLINE_INBOX=kept, PLUMBLINE_FOLDERS=kept)
    with Progress("find the DAGs") as progress:
        names = _find_dags(installation, api, progress)
        progress.done(", ".join(names))
    with Progress(f"run {DAG}") as progress:
        run_id = _unpause(api, names, progress)
        if run_id:
            api.retry_now(DAG, run_id)  # it may be one that was interrupted
            _follow(installation, api, run_id, progress)
        if run_id is None or not reads(api.run(DAG, run_id), folder, before.get("PLUMBLINE_INBOX")):
            run_id = api.trigger(DAG, {"folder": str(folder)})
            _follow(installation, api, run_id, progress)
        if (state := api.run(DAG, run_id)["state"]) != "success":
            raise RunFailed(_failure(installation, api, run_id, state))
        if was_rejected(api.tasks(DAG, run_id)):
            raise RunFailed("The run was not approved: nothing was bought, and nothing was changed.")
    return run_id


def was_rejected(tasks: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a run ended because a person said no to what it would spend, or nobody said yes.  Pure."""
    return any(task["task_id"] == "scan_source" and task["state"] == "skipped" for task in tasks)


def reads(run: Mapping[str, Any], folder: Path, inbox: str | None) -> bool:
    """Whether a run that was under way reads this folder: it names its own, or takes the inbox that was set.  Pure."""
    named = str((run.get("conf") or {}).get("folder") or inbox or folder)
    return PROJECT_ROOT / os.path.expanduser(named) == folder  # noqa: PTH111 - pathlib's raises for an unknown user


def _unpause(api: AirflowApi, names: Sequence[str], progress: Progress) -> str | None:
    """
    Unpause the DAGs; return the run of ours that is under way then, None where there is none.

    A DAG that is unpaused for the first time is run by the scheduler at once, for the hour that has begun.  That run
    reads the inbox, which is the folder of the demo, so it would be odd to start a second one.
    """
    paused = api.dag(DAG) or {}
    for name in names:
        api.unpause(name)
    limit = time.monotonic() + _SCHEDULE_SECONDS
    while paused.get("is_paused") and time.monotonic() < limit:
        progress.show("waiting for the scheduler")
        if runs := api.unfinished_runs(DAG):
            return runs[0]
        if is_later((api.dag(DAG) or {}).get("next_dagrun_run_after"), datetime.now(UTC)):
            break
        time.sleep(_LOOK_SECONDS)
    runs = api.unfinished_runs(DAG)
    return runs[0] if runs else None


def is_later(moment: str | None, now: datetime) -> bool:
    """Whether a moment that Airflow names is still to come.  Pure."""
    return moment is not None and datetime.fromisoformat(moment) > now


def _find_dags(installation: Installation, api: AirflowApi, progress: Progress) -> list[str]:
    """Wait until Airflow knows every DAG file of the project; return the names of the DAGs."""
    wanted = {path.stem for path in (installation.project / "dags").glob("*.py")}
    limit = time.monotonic() + _DAG_SECONDS
    while True:
        known = {dag["dag_id"] for dag in api.dags()}
        if wanted <= known:
            return sorted(known)
        if errors := api.import_errors():
            file, trace = next(iter(errors.items()))
            raise PartFailed(f"Airflow cannot read {file}: {last_telling_line(trace)}")
        if time.monotonic() > limit:
            missing = ", ".join(sorted(wanted - known))
            raise PartFailed(
                f"Airflow has not found {missing} after {_DAG_SECONDS:.0f} s: "
                f"see {installation.home.logs / 'dag-processor.log'}."
            )
        progress.show(f"{len(known & wanted)} of {len(wanted)}")
        time.sleep(_LOOK_SECONDS)


def _follow(installation: Installation, api: AirflowApi, run_id: str, progress: Progress) -> None:
    """
    Show how far a run is until it has ended, and say when a task has to be tried again.

    Raises:
        RunStill: No task has come any further for an hour; how long all of them take is nobody's business.
    """
    reached: set[tuple[Any, ...]] = set()
    moved = time.monotonic()
    told: set[tuple[str, int, int]] = set()
    while api.run(DAG, run_id)["state"] not in _FINISHED:
        tasks = api.tasks(DAG, run_id)
        progress.show(task_line(tasks))
        if (now := state_of(tasks)) != reached:
            reached, moved = now, time.monotonic()
        for task in tasks:
            attempt = (task["task_id"], task["map_index"], task["try_number"])
            if task["state"] == "up_for_retry" and attempt not in told:
                told.add(attempt)
                progress.tell(
                    f"{task['task_id']} will be tried again: {_words_of(installation, run_id, task)[0]}"
                )
            if task["state"] == _ASKS and attempt not in told:
                told.add(attempt)
                page = (
                    f"{api.address}/dags/{DAG}/runs/{quote(run_id)}/tasks/{task['task_id']}/required_actions"
                )
                progress.tell(
                    f"its price is above PLUMBLINE_APPROVE_ABOVE_USD: approve or reject it at {page}"
                )
        installation.check_alive()
        if time.monotonic() - moved > _STILL_SECONDS:
            raise RunStill(
                f"No task of the run {run_id} has come any further for {_STILL_SECONDS / 60:.0f} minutes: "
                f"see {api.address}/dags/{DAG}/runs/{run_id}."
            )
        time.sleep(_LOOK_SECONDS)
    progress.done(f"{len(api.tasks(DAG, run_id))} tasks")


def state_of(tasks: Sequence[Mapping[str, Any]]) -> set[tuple[Any, ...]]:
    """Return what changes whenever a task of a run begins, ends or is tried again.  Pure."""
    return {(task["task_id"], task["map_index"], task["try_number"], task["state"]) for task in tasks}


def _failure(installation: Installation, api: AirflowApi, run_id: str, state: str) -> str:
    """Return one sentence for a run that failed: the task, its last words and where they are."""
    for task in api.tasks(DAG, run_id):
        if task["state"] == "failed":
            said, log = _words_of(installation, run_id, task)
            return f"The task {task['task_id']} failed: {said} (its log: {log})"
    return f"The run {run_id} ended as {state}: see {api.address}/dags/{DAG}/runs/{run_id}."


def _words_of(installation: Installation, run_id: str, task: Mapping[str, Any]) -> tuple[str, Path]:
    """Return the last error of a task in its own words, and where its log is."""
    runs = installation.home.airflow / "logs" / f"dag_id={DAG}" / f"run_id={run_id}"
    folder = runs / f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    log = folder / f"attempt={task['try_number']}.log"
    try:
        said = last_error(log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        said = ""
    return said or "it died without a word", log


def last_error(log: str) -> str:
    """
    Return the last error in a task's log of JSON lines, in its own words; empty when there is none.  Pure.

    An entry with an exception is the cause; one without, such as an alert's, speaks of it.
    """
    said, raised = "", ""
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("level") in {"error", "critical"}:
            said = str(entry.get("event", ""))
            raised = next(filter(None, map(_raised, entry.get("error_detail") or [])), raised)
    return raised or said


def _raised(detail: Mapping[str, Any]) -> str:
    """What was raised: the sentence of an error that was made for people, any other with its type."""
    kind, value = str(detail.get("exc_type", "")), str(detail.get("exc_value", ""))
    return value if kind in _FOR_PEOPLE else f"{kind}: {value}" if value else kind
