"""
Where the answers come from: the provider that one Connection names, or the embedded stand-in.

There is one switch and no other: with a connection `plumbline_openai` every call goes to it, without one to
the server at `PLUMBLINE_LOCAL_MODEL_URL`.  What answers is said wherever an endpoint is shown, so nobody
takes the stand-in for more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from plumbline.core.connections import Connection
from plumbline.core.errors import Misconfigured
from plumbline.core.settings import Settings
from plumbline.models.requests import BatchLimits, Limits

OPENAI = "https://api.openai.com/v1"
DEFAULT_MODEL = "text-embedding-3-small"
DEFAULT_CHAT_MODEL = "gpt-4.1-mini"
DEFAULT_MODERATION_MODEL = "omni-moderation-latest"
LOCAL_MODEL = "local-wordllama"
LOCAL_CHAT_MODEL = "local-extractive"
LOCAL_MODERATION_MODEL = "local-wordlists"
EMBEDDED = "embedded"
"""What the book calls the embedded model server, whose port may change."""

MOST_DIMENSIONS = 3900
"""Of a vector that the database can build a graph of, and of what it takes for an index."""

# Model -> (dimensions of its own, may be asked for fewer).
_KNOWN: Mapping[str, tuple[int, bool]] = {
    "text-embedding-3-small": (1536, True),
    "text-embedding-3-large": (3072, True),
    "text-embedding-ada-002": (1536, False),
    LOCAL_MODEL: (256, True),
}
_LOCAL_LIMITS = Limits(requests_per_minute=10_000_000, tokens_per_minute=10_000_000_000)
_LOCAL_CHAT_LIMITS = replace(_LOCAL_LIMITS, tokens_an_input=128_000)


@dataclass(frozen=True, slots=True)
class ModelNamed:
    """Another model at the same address: its name, how the name begins under which it answers, and its limits."""

    model: str
    answers_as: str
    limits: Limits = field(default_factory=lambda: Limits(tokens_an_input=128_000))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    A model at an address.  The key never appears in its repr.

    `name`: what the book calls it: its address; the embedded server, whose port may change, is `embedded`.
    `idempotent`: a request repeated with the same Idempotency-Key is answered again and billed once, so what
    a crash cut off can be repeated without a person.  `answers_as`: how the name begins under which the model
    answers.  `timeout` and `patience`, in seconds: the longest that we wait for an answer, and the longest
    wait that the provider may ask for.
    """

    name: str
    base_url: str
    api_key: str = field(repr=False)
    model: str
    dimensions: int
    shortened: bool
    idempotent: bool
    embedded: bool
    answers_as: str
    limits: Limits = field(default_factory=Limits)
    region: str | None = None
    timeout: float = 120.0
    patience: float = 60.0
    batches: BatchLimits = field(default_factory=BatchLimits)
    chat: ModelNamed = field(default_factory=lambda: ModelNamed(DEFAULT_CHAT_MODEL, DEFAULT_CHAT_MODEL))
    moderation: ModelNamed = field(
        default_factory=lambda: ModelNamed(DEFAULT_MODERATION_MODEL, "omni-moderation")
    )

    def for_chat(self) -> Endpoint:
        """Return the same address with the model that answers in words."""
        return self._serving(self.chat)

    def for_moderation(self) -> Endpoint:
        """Return the same address with the model that says what should not be sent; nothing of it is billed."""
        return replace(self._serving(self.moderation), idempotent=True)

    def _serving(self, other: ModelNamed) -> Endpoint:
        return replace(
            self,
            model=other.model,
            answers_as=other.answers_as,
            limits=other.limits,
            dimensions=0,
            shortened=False,
        )

    @property
    def label(self) -> str:
        """Say in a few words which model answers."""
        length = f"{self.dimensions} dimensions" if self.dimensions else ""
        if self.embedded:
            return f"{self.model} (embedded stand-in{length and f', {length}'})"
        return f"{self.model} at {self.base_url}{length and f' ({length})'}"


def endpoint_of(settings: Settings, provider: Connection | None) -> Endpoint:
    """
    Return the endpoint of these settings.

    Raises:
        Misconfigured: There is neither a connection nor an embedded server, or the connection says something
        impossible.
    """
    if provider is not None:
        return connected(provider)
    url = settings.values.get("PLUMBLINE_LOCAL_MODEL_URL")
    if not url:
        raise Misconfigured(
            "No model is connected: set the connection plumbline_openai (AIRFLOW_CONN_PLUMBLINE_OPENAI) to go "
            "live, or start the embedded form with `make demo`."
        )
    return embedded(url)


def embedded(url: str, dimensions: int | None = None) -> Endpoint:
    """Return the embedded model server at this address."""
    native, _ = _KNOWN[LOCAL_MODEL]
    return Endpoint(
        name=EMBEDDED,
        base_url=url.rstrip("/"),
        api_key="local",
        model=LOCAL_MODEL,
        dimensions=dimensions or native,
        shortened=dimensions not in (None, native),
        idempotent=True,
        embedded=True,
        answers_as=LOCAL_MODEL,
        limits=_LOCAL_LIMITS,
        batches=BatchLimits(look_every=1.0),
        chat=ModelNamed(LOCAL_CHAT_MODEL, LOCAL_CHAT_MODEL, _LOCAL_CHAT_LIMITS),
        moderation=ModelNamed(LOCAL_MODERATION_MODEL, LOCAL_MODERATION_MODEL, _LOCAL_LIMITS),
    )


def with_model(endpoint: Endpoint, model: str | None = None, dimensions: int | None = None) -> Endpoint:
    """
    Return the same address and key, with another model or other dimensions.  Pure.

    Without a model it stays the same one.  Without dimensions it is the endpoint's for its own model, and for another
    model that model's own.

    Raises:
        Misconfigured: The model cannot be asked for so many, nobody knows how many it has, or no server there has it.
    """
    model = model or endpoint.model
    if model == endpoint.model and dimensions in (None, endpoint.dimensions):
        return endpoint
    if (model == LOCAL_MODEL) != endpoint.embedded:
        raise Misconfigured(
            f"{endpoint.base_url} answers as {endpoint.model}; {LOCAL_MODEL} and the models of a provider are "
            "not at one address. Set the connection plumbline_openai to where the model is, and ingest again."
        )
    if dimensions is not None and not 1 <= dimensions <= MOST_DIMENSIONS:
        raise Misconfigured(
            f"An index has vectors of 1 to {MOST_DIMENSIONS} dimensions, not of {dimensions}."
        )
    length, shortened = _dimensions(model, dimensions, asks=None)
    named = endpoint.answers_as if model == endpoint.model else model
    return replace(endpoint, model=model, dimensions=length, shortened=shortened, answers_as=named)


def connected(provider: Connection) -> Endpoint:
    """
    Return the endpoint that a connection names.

    Raises:
        Misconfigured: No key, an unknown model without `dimensions`, or a value of a wrong kind.
    """
    if not provider.password:
        raise Misconfigured("The connection plumbline_openai has no password: put the API key there.")
    extra = provider.extra
    model = str(extra.get("embedding_model") or DEFAULT_MODEL)
    dimensions, shortened = _dimensions(model, _number(extra, "dimensions"))
    preset = Limits()
    base_url = base_url_of(provider)
    return Endpoint(
        name=base_url,
        base_url=base_url,
        api_key=provider.password,
        model=model,
        dimensions=dimensions,
        shortened=shortened,
        idempotent=_flag(extra, "idempotent"),
        embedded=model == LOCAL_MODEL,
        answers_as=str(extra.get("answers_as") or model),
        limits=Limits(
            inputs=int(_number(extra, "inputs_per_request") or preset.inputs),
            requests_per_minute=_number(extra, "requests_per_minute") or preset.requests_per_minute,
            tokens_per_minute=_number(extra, "tokens_per_minute") or preset.tokens_per_minute,
        ),
        region=str(extra["region"]) if extra.get("region") else None,
        timeout=_number(extra, "timeout") or 120.0,
        patience=_number(extra, "patience") or 60.0,
        batches=_batch_limits(extra),
        chat=_other(extra, "chat", LOCAL_CHAT_MODEL if model == LOCAL_MODEL else DEFAULT_CHAT_MODEL),
        moderation=_other(
            extra, "moderation", LOCAL_MODERATION_MODEL if model == LOCAL_MODEL else DEFAULT_MODERATION_MODEL
        ),
    )


def _batch_limits(extra: Mapping[str, Any]) -> BatchLimits:
    """Return what a connection says of batches."""
    preset, enqueued = BatchLimits(), extra.get("batch_enqueued_tokens") or {}
    if not isinstance(enqueued, Mapping):
        raise Misconfigured(
            "batch_enqueued_tokens of the connection plumbline_openai must name models: {model: tokens}."
        )
    return BatchLimits(
        requests=int(_number(extra, "batch_requests") or preset.requests),
        inputs=int(_number(extra, "batch_inputs") or preset.inputs),
        bytes=int(_number(extra, "batch_bytes") or preset.bytes),
        enqueued_tokens={model: int(_number(enqueued, model) or 1) for model in enqueued},
        look_every=_number(extra, "batch_look_every") or preset.look_every,
    )


def _other(extra: Mapping[str, Any], kind: str, usual: str) -> ModelNamed:
    """Return what a connection says of its model for chat, or for moderation."""
    model = str(extra.get(f"{kind}_model") or usual)
    preset = Limits(tokens_an_input=128_000)
    return ModelNamed(
        model,
        # "…-latest" answers under the name of the version that it is today.
        str(extra.get(f"{kind}_answers_as") or model.removesuffix("-latest")),
        Limits(
            tokens_an_input=int(_number(extra, f"{kind}_tokens_an_input") or preset.tokens_an_input),
            requests_per_minute=_number(extra, f"{kind}_requests_per_minute") or preset.requests_per_minute,
            tokens_per_minute=_number(extra, f"{kind}_tokens_per_minute") or preset.tokens_per_minute,
            at_once=int(_number(extra, f"{kind}_calls_at_once") or preset.at_once),
        ),
    )


def base_url_of(provider: Connection) -> str:
    """Return the address that a connection to a provider names; raises Misconfigured for what is none."""
    if not provider.host:
        return OPENAI
    if "://" in provider.host:
        parts = urlsplit(provider.host)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise Misconfigured(
                "The host of a connection to a provider must be an address such as https://host/v1; "
                "the key belongs in the password."
            )
        return provider.host.rstrip("/")
    port = f":{provider.port}" if provider.port else ""
    return f"https://{provider.host}{port}/{provider.schema.strip('/') or 'v1'}"


def _dimensions(
    model: str, asked: float | None, asks: str | None = "the connection plumbline_openai"
) -> tuple[int, bool]:
    """Return the length of the vectors, and whether the model must be asked to shorten them."""
    if model not in _KNOWN:
        if asked is None:
            where = f"in {asks}" if asks else "with --dimensions"
            raise Misconfigured(f"Say {where} how many dimensions {model} has.")
        return int(asked), False
    native, shortens = _KNOWN[model]
    if asked is None or asked == native:
        return native, False
    if not shortens or not 1 <= asked <= native:
        asker = f"{asks} asks for {asked:g}" if asks else f"{asked:g} cannot be had"
        raise Misconfigured(f"{model} has {native} dimensions; {asker}.")
    return int(asked), True


def _number(extra: Mapping[str, Any], name: str) -> float | None:
    value = extra.get(name)
    if value is None or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = 0
    if not 0 < number < float("inf"):
        raise Misconfigured(f"{name} in the connection plumbline_openai must be a number above 0.")
    return number


def _flag(extra: Mapping[str, Any], name: str) -> bool:
    value = str(extra.get(name) or "false").lower()
    if value not in ("true", "false"):
        raise Misconfigured(f"{name} in the connection plumbline_openai must be true or false.")
    return value == "true"
