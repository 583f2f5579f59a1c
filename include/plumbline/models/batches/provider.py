"""
Files and batches at the provider: one question, asked again as our policy says, and one answer.

Looking, uploading and deleting may be repeated: none of it is billed, and a file too many is swept by its name.
Making a batch may not: `create` sends once and says what became of it.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any, BinaryIO

import orjson

from plumbline.core.db import Database
from plumbline.models import transport
from plumbline.models.batches.resting import Routes
from plumbline.models.calls import Unusable
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import (
    CallRefused,
    KeyRejected,
    ProviderFailing,
    ProviderResting,
    ProviderUnreachable,
    RetryLater,
)
from plumbline.models.policy import (
    REFUSED_KEY,
    Happened,
    History,
    Outcome,
    Policy,
    Verdict,
    decide,
    pause,
)
from plumbline.models.wire import json_object

LABEL = "plumbline_batch"
"""Under this name the metadata of a batch hold our id."""

WINDOW = "24h"
_NAME, _ENDING = "plumbline-", ".jsonl"
_PAGE = 100
_MOST_PAGES = 10_000
_NOT_FOUND = 404


class Gone(CallRefused):
    """The provider has no such file or batch."""


class Provider:
    """Files and batches at one endpoint; while they fail all workers, every question raises `ProviderResting`."""

    def __init__(self, endpoint: Endpoint, policy: Policy, database: Database) -> None:
        self._endpoint, self._policy = endpoint, policy
        self._routes = Routes(database, endpoint, policy)

    def asking(self) -> AbstractContextManager[None]:
        """Make a batch within this block: whether anything may be sent is asked before it begins."""
        return self._routes.asking()

    def upload(self, file: BinaryIO, batch_id: uuid.UUID) -> str:
        """Upload the file of a batch and return its id at the provider."""
        card = self._answer(lambda: transport.upload(self._endpoint, file, name_of(batch_id)))
        if not named(card):
            raise ProviderFailing(f"{self._endpoint.label}: a file was taken, and its id was not said.")
        return str(card["id"])

    def create(self, batch_id: uuid.UUID, file_id: str, route: str) -> Outcome:
        """Make a batch, or try to: once, because a repetition would make another one."""
        body = {
            "input_file_id": file_id,
            "endpoint": route,
            "completion_window": WINDOW,
            "metadata": {LABEL: str(batch_id)},
        }
        # Another file is another request, also to a provider that answers a repeated one from its memory.
        key = str(uuid.uuid5(batch_id, file_id))
        outcome = transport.post(self._endpoint, "/batches", orjson.dumps(body), key)
        self._routes.hear(outcome)
        return outcome

    def batch(self, provider_id: str) -> dict[str, Any]:
        """Return what the provider says of a batch."""
        return self._answer(lambda: transport.get(self._endpoint, f"/batches/{provider_id}"))

    def cancel(self, provider_id: str) -> None:
        """Ask for the end of a batch; one that has ended stays as it is."""
        with contextlib.suppress(CallRefused):
            self._answer(
                lambda: transport.post(
                    self._endpoint, f"/batches/{provider_id}/cancel", b"{}", str(uuid.uuid4())
                )
            )

    def batches(self) -> Iterator[dict[str, Any]]:
        """
        Return all batches there are, page by page; it ends only when the list is exhausted.

        Raises:
            ProviderFailing: It promises more and does not go on, or cannot be read.
        """
        return self._listed("/batches")

    def files(self) -> Iterator[dict[str, Any]]:
        """Return all files for batches, page by page."""
        return self._listed("/files", purpose="batch")

    def delete(self, file_id: str) -> None:
        """Delete a file; one that is gone is deleted."""
        with contextlib.suppress(Gone):
            self._answer(lambda: transport.delete(self._endpoint, f"/files/{file_id}"))

    @contextlib.contextmanager
    def lines(self, file_id: str) -> Iterator[Iterator[bytes]]:
        """Open a file and yield its lines, one at a time."""
        history = History()
        while True:
            with self.asking(), transport.streamed(self._endpoint, file_id) as given:
                if not isinstance(given, Outcome):
                    self._routes.hear(Outcome(Happened.ANSWERED))
                    yield given
                    return
                resting = self._routes.hear(given)
            self._wait_or_raise(given, history, resting)

    def _listed(self, path: str, **asked: str) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        passed: set[str] = set()
        for _ in range(_MOST_PAGES):
            page = self._answer(lambda: transport.get(self._endpoint, path, limit=_PAGE, **asked, **after))  # noqa: B023 - called at once
            found = page.get("data")
            # What cannot be read could be what is looked for.
            if not isinstance(found, list) or not all(named(one) for one in found):
                raise ProviderFailing(f"{self._endpoint.label}: a list of the provider cannot be read.")
            yield from found
            if not page.get("has_more"):
                return
            last = found[-1]["id"] if found else None
            if last is None or last in passed:
                raise ProviderFailing(
                    f"{self._endpoint.label}: a list of the provider promises more and does not go on."
                )
            passed.add(last)
            after = {"after": last}
        raise ProviderFailing(f"{self._endpoint.label}: a list of the provider does not end.")

    def _answer(self, send: Callable[[], Outcome]) -> dict[str, Any]:
        history = History()
        while True:
            with self.asking():
                outcome = send()
                resting = self._routes.hear(outcome)
            if outcome.happened is Happened.ANSWERED:
                try:
                    return json_object(outcome.content)
                except Unusable as reason:
                    raise ProviderFailing(f"{self._endpoint.label}: {reason}.") from None
            self._wait_or_raise(outcome, history, resting)

    def _wait_or_raise(self, outcome: Outcome, history: History, resting: ProviderResting | None) -> None:
        history.add(outcome)
        draw = random.random()  # noqa: S311 - spreads pauses, guards nothing
        decision = decide(outcome, history, self._policy, idempotent=True, draw=draw)
        if decision.verdict is not Verdict.REPEAT:
            raise failure(self._endpoint, outcome, decision.after)
        if resting:
            raise resting
        if outcome.happened is Happened.THROTTLED:
            history.waited += decision.after
        time.sleep(decision.after)

    def breathe(self, failures: int) -> bool:
        """Wait after a file broke off so many times; return whether to read it once more."""
        if failures >= self._policy.attempts:
            return False
        time.sleep(pause(failures, self._policy, random.random()))  # noqa: S311 - spreads pauses, guards nothing
        return True


def failure(endpoint: Endpoint, outcome: Outcome, wait: float) -> Exception:
    """Return the error that says what became of a question."""
    said = f"HTTP {outcome.status}" if outcome.status is not None else outcome.label
    said = f"{said}, {outcome.code}" if outcome.code and outcome.status is not None else said
    if outcome.happened is Happened.THROTTLED:
        return RetryLater(wait, endpoint.model)
    if outcome.status == _NOT_FOUND:
        return Gone(f"{endpoint.label}: the provider has no such file or batch ({said}).")
    if outcome.status in REFUSED_KEY:
        return KeyRejected(f"{endpoint.label}: the key is not accepted for batches ({said}).")
    if outcome.happened in (Happened.REFUSED, Happened.OUT_OF_CREDIT):
        return CallRefused(f"{endpoint.label}: the request is refused ({said}).")
    kind = ProviderFailing if outcome.happened is Happened.SERVER_ERROR else ProviderUnreachable
    return kind(f"{endpoint.label}: files and batches cannot be reached ({said}).")


def named(card: object) -> bool:
    """Return whether what the provider says of a file or a batch has an id, which is text."""
    return isinstance(card, dict) and isinstance(card.get("id"), str)


def name_of(batch_id: uuid.UUID) -> str:
    """Return the name of a batch's file at the provider."""
    return f"{_NAME}{batch_id}{_ENDING}"


def batch_of_file(card: Mapping[str, Any]) -> uuid.UUID | None:
    """Return our batch whose file this is, by its name."""
    name = card.get("filename")
    if not isinstance(name, str) or not (name.startswith(_NAME) and name.endswith(_ENDING)):
        return None
    return _id(name.removeprefix(_NAME).removesuffix(_ENDING))


def batch_of(card: Mapping[str, Any]) -> uuid.UUID | None:
    """Return our batch that this one at the provider is, by its metadata."""
    metadata = card.get("metadata")
    return _id(metadata.get(LABEL)) if isinstance(metadata, dict) else None


def _id(text: object) -> uuid.UUID | None:
    try:
        return uuid.UUID(str(text))
    except ValueError:
        return None
