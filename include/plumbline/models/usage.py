"""
The provider's records of usage: how many requests and tokens were billed in each minute, by model.

They need a key of their own, which may read the records of the whole organization and call no model: the connection
`plumbline_openai_admin`.
"""

from __future__ import annotations

import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from plumbline.core.connections import Connection
from plumbline.core.errors import Misconfigured
from plumbline.models import transport
from plumbline.models.calls import Unusable
from plumbline.models.endpoints import base_url_of, embedded
from plumbline.models.errors import CallRefused, KeyRejected, ProviderFailing, ProviderUnreachable, RetryLater
from plumbline.models.policy import REFUSED_KEY, Happened, History, Outcome, Policy, Verdict, decide
from plumbline.models.records import Amount, Minute
from plumbline.models.wire import json_object

ADMIN = "plumbline_openai_admin"
KINDS: Mapping[str, str] = {"/v1/embeddings": "embeddings", "/v1/chat/completions": "completions"}
"""The records that count the calls of a route."""
_USUAL_LAG = 60.0
_PAGE = 1_440
_MOST_PAGES = 100
_DATED = r"-\d{4}-\d{2}-\d{2}"


@dataclass(frozen=True, slots=True)
class Records:
    """
    Where the records are.  The key never appears in its repr.

    `lag`: how old a minute must be before they are believed to be complete.  `only`: projects or keys that are counted.
    """

    base_url: str
    api_key: str = field(repr=False)
    lag: timedelta = timedelta(minutes=_USUAL_LAG)
    only: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, admin: Connection | None) -> Records:
        """
        Return the records that a connection names.

        Raises:
            Misconfigured: There is none, it has no key, or it says something impossible.
        """
        if admin is None or not admin.password:
            raise Misconfigured(
                f"The provider's records cannot be read: set the connection {ADMIN} (AIRFLOW_CONN_"
                f"{ADMIN.upper()}). Its password is an admin key of your organization, which may read usage; at "
                "OpenAI an owner of the organization makes one under Settings, Organization, Admin keys. Without it, "
                "look at the provider's usage page and decide with `plumbline review`."
            )
        try:
            lag = float(admin.extra.get("records_after_minutes") or _USUAL_LAG)
        except (TypeError, ValueError):
            lag = -1.0
        if not 0 < lag < float("inf"):
            raise Misconfigured(f"records_after_minutes of the connection {ADMIN} must be a number above 0.")
        only = {name: _names(admin.extra, name) for name in ("project_ids", "api_key_ids")}
        kept = {name: values for name, values in only.items() if values}
        return cls(base_url_of(admin), admin.password, timedelta(minutes=lag), kept)

    def minutes(self, route: str, model: str, begin: datetime, until: datetime) -> list[Minute]:
        """
        Return what was billed for calls of a route to a model, one by one, in each minute from `begin` to `until`.

        Raises:
            KeyRejected: The key may not read usage.
            PlumblineError: The records cannot be read now.
        """
        found: defaultdict[datetime, Amount] = defaultdict(Amount)
        kind = KINDS[route]
        groups = ["model", "batch"] if kind == "completions" else ["model"]
        for bucket in self._buckets(kind, groups, begin, until):
            at = datetime.fromtimestamp(int(bucket["start_time"]), UTC)
            for result in bucket["results"]:
                if _is_of(str(result.get("model")), model) and not result.get("batch"):
                    found[at] += _amount(result)
        return [Minute(at, amount) for at, amount in sorted(found.items())]

    def _buckets(
        self, kind: str, groups: list[str], begin: datetime, until: datetime
    ) -> Iterator[Mapping[str, Any]]:
        # The model is not asked for by name: it bills under the name of its version, and a name that no record has
        # would read as "nothing was billed".
        asked: dict[str, Any] = {
            "start_time": int(begin.timestamp()),
            "end_time": int(until.timestamp()),
            "bucket_width": "1m",
            "limit": _PAGE,
            "group_by": groups,
            **{name: list(values) for name, values in self.only.items()},
        }
        for _ in range(_MOST_PAGES):
            page = self._read(f"/organization/usage/{kind}", asked)
            yield from page["data"]
            if not page.get("has_more"):
                return
            asked["page"] = str(page["next_page"])
        raise ProviderFailing(f"{self.base_url}: the records do not end.")

    def _read(self, path: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        endpoint = replace(embedded(self.base_url), api_key=self.api_key, name=self.base_url)
        history, policy = History(), Policy()
        while True:
            outcome = transport.get(endpoint, path, **asked)
            if outcome.happened is Happened.ANSWERED:
                return self._page(outcome.content)
            history.add(outcome)
            draw = random.random()  # noqa: S311 - spreads pauses, guards nothing
            decision = decide(outcome, history, policy, idempotent=True, draw=draw)
            if decision.verdict is not Verdict.REPEAT:
                raise self._failure(outcome, decision.after)
            if outcome.happened is Happened.THROTTLED:
                history.waited += decision.after
            time.sleep(decision.after)

    def _page(self, content: bytes) -> dict[str, Any]:
        try:
            page = json_object(content)
            for bucket in page["data"]:
                int(bucket["start_time"])
                for result in bucket["results"]:
                    _amount(result)
            if page.get("has_more") and not page.get("next_page"):
                raise Unusable("a page names no next one")
        except (Unusable, KeyError, TypeError, ValueError, AttributeError):
            raise ProviderFailing(f"{self.base_url}: the records cannot be read.") from None
        return page

    def _failure(self, outcome: Outcome, wait: float) -> Exception:
        said = f"HTTP {outcome.status}" if outcome.status is not None else outcome.label
        if outcome.happened is Happened.THROTTLED:
            return RetryLater(wait, "the records of usage")
        if outcome.status in REFUSED_KEY:
            return KeyRejected(
                f"{self.base_url}: the key of the connection {ADMIN} may not read usage ({said}). It must be an admin "
                "key; keys of projects cannot read it."
            )
        if outcome.happened in (Happened.REFUSED, Happened.OUT_OF_CREDIT):
            return CallRefused(f"{self.base_url}: the records are refused ({said}).")
        return ProviderUnreachable(f"{self.base_url}: the records cannot be reached ({said}).")


def _amount(result: Mapping[str, Any]) -> Amount:
    return Amount(
        int(result["num_model_requests"]),
        int(result["input_tokens"]),
        int(result.get("output_tokens") or 0),
        int(result.get("input_cached_tokens") or 0),
    )


def _is_of(name: str, model: str) -> bool:
    """Whether a name is that of a model, or of a dated version of it.  Pure."""
    return name == model or re.fullmatch(re.escape(model) + _DATED, name) is not None


def _names(extra: Mapping[str, Any], name: str) -> tuple[str, ...]:
    given = extra.get(name) or ()
    values = given.split(",") if isinstance(given, str) else given
    return tuple(str(value).strip() for value in values if str(value).strip())
