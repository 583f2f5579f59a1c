"""
Errors as the provider sends them: a status, and a body that its client knows how to read.

A client decides from status, type and code whether to try again, so these must be the provider's,
not ours: a 400 in place of a 429 would hide a retry that production needs.
"""

from __future__ import annotations

from typing import Any

import orjson


class ApiError(Exception):
    """A request that is answered with an error body; `headers` travel with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = headers or {}

    def body(self) -> bytes:
        """The JSON that the provider's client parses."""
        return orjson.dumps(
            {"error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}}
        )


class InvalidRequest(ApiError):
    """The request itself is wrong; sending it again cannot help (400)."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        super().__init__(400, message, param=param, code=code)


class TooMany(InvalidRequest):
    """A list is longer than the API takes."""

    def __init__(self, param: str, given: int, most: int) -> None:
        super().__init__(
            f"Invalid '{param}': array too long. Expected an array with maximum length {most}, "
            f"but got an array with length {given} instead.",
            param=param,
            code="array_above_max_length",
        )


class MissingKey(ApiError):
    """There is no bearer token (401).  Any token is good: this server has no accounts."""

    def __init__(self) -> None:
        super().__init__(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization header "
            "using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). Any key is accepted here.",
        )


class UnknownModel(ApiError):
    """No model of that name lives here (404)."""

    def __init__(self, model: str) -> None:
        super().__init__(
            404,
            f"The model `{model}` does not exist or you do not have access to it.",
            code="model_not_found",
        )


class UnknownPath(ApiError):
    """No such address (404)."""

    def __init__(self, method: str, path: str) -> None:
        super().__init__(404, f"Invalid URL ({method} {path})")


class Throttled(ApiError):
    """A limit a minute is used up (429); `wait` says after how many seconds it has room again."""

    def __init__(self, message: str, *, wait: float, kind: str = "tokens") -> None:
        super().__init__(
            429,
            message,
            kind=kind,
            code="rate_limit_exceeded",
            headers={
                "retry-after": str(max(1, -int(-wait // 1))),
                "retry-after-ms": str(-int(-wait * 1000 // 1)),
            },
        )


class ServerFault(ApiError):
    """The provider failed, not the request (500)."""

    def __init__(self) -> None:
        super().__init__(
            500,
            "The server had an error while processing your request. Sorry about that!",
            kind="server_error",
        )


def wanted(payload: Any, known: frozenset[str]) -> dict[str, Any]:
    """
    The request body as a mapping, when every parameter in it is `known`.

    Raises:
        InvalidRequest: The body is not an object, or names a parameter nobody knows.
    """
    if not isinstance(payload, dict):
        raise InvalidRequest("We could not parse the JSON body of your request: it must be a JSON object.")
    strangers = payload.keys() - known
    if strangers:
        name = min(strangers)
        raise InvalidRequest(f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    return payload
