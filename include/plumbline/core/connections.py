"""
Read a connection as Airflow writes it in the environment: a URI, or JSON.

The pipelines, the command line and the compose file name a service in one way only, `AIRFLOW_CONN_<ID>`,
so that setting one connection reaches all of them.  This module reads that notation without importing Airflow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from plumbline.core.errors import Misconfigured


@dataclass(frozen=True, slots=True)
class Connection:
    """One service: where it is and how to sign in.  The password never appears in its repr."""

    kind: str
    host: str = ""
    port: int | None = None
    schema: str = ""
    login: str = ""
    password: str = field(default="", repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


def parse_connection(name: str, value: str) -> Connection:
    """
    Return the connection that `value` describes.

    Raises:
        Misconfigured: The value is neither a URI nor a JSON object.  The message never holds the value.
    """
    value = value.strip()
    try:
        return _from_json(value) if value.startswith("{") else _from_uri(value)
    except (ValueError, TypeError, AttributeError):
        message = f"{name} cannot be read: give a URI or a JSON object, as Airflow's connections are written."
        raise Misconfigured(message) from None


def _from_json(value: str) -> Connection:
    fields = json.loads(value)
    extra = fields.get("extra") or {}
    return Connection(
        kind=str(fields.get("conn_type") or ""),
        host=str(fields.get("host") or ""),
        port=int(fields["port"]) if fields.get("port") else None,
        schema=str(fields.get("schema") or ""),
        login=str(fields.get("login") or ""),
        password=str(fields.get("password") or ""),
        extra=json.loads(extra) if isinstance(extra, str) else dict(extra),
    )


def _from_uri(value: str) -> Connection:
    parts = urlsplit(value)
    if not parts.scheme:
        raise ValueError
    extra: dict[str, Any] = dict(parse_qsl(parts.query))
    if "__extra__" in extra:
        extra = json.loads(extra["__extra__"])
    return Connection(
        kind=parts.scheme,
        host=unquote(parts.hostname or ""),
        port=parts.port,
        schema=unquote(parts.path.lstrip("/")),
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        extra=extra,
    )
