"""
The one door to a model: every call to a provider passes here, and nothing else in the project speaks to one.

    door = Door(tools, run)
    with door.embedding(use="embed_chunk") as stream:
        key = stream.add(text, tokens)
"""

from plumbline.models.asking import ChatStream
from plumbline.models.breakers import Failing, list_failing, reset_breakers
from plumbline.models.calls import PromptRef
from plumbline.models.conversation import ChatAnswer, ChatRequest, Ended, Message, Schema, Tool, ToolCall
from plumbline.models.door import Door, Proof
from plumbline.models.endpoints import Endpoint, endpoint_of, with_model
from plumbline.models.errors import MayHaveBeenBilled, PriceUnknown, ProviderResting, RetryLater
from plumbline.models.moderating import Action, Judgement
from plumbline.models.prices import estimate
from plumbline.models.requests import Usage
from plumbline.models.streams import TextStream
from plumbline.models.unfinished import UnfinishedCall, list_unknown, release_call

__all__ = [
    "Action",
    "ChatAnswer",
    "ChatRequest",
    "ChatStream",
    "Door",
    "Ended",
    "Endpoint",
    "Failing",
    "Judgement",
    "MayHaveBeenBilled",
    "Message",
    "PriceUnknown",
    "PromptRef",
    "Proof",
    "ProviderResting",
    "RetryLater",
    "Schema",
    "TextStream",
    "Tool",
    "ToolCall",
    "UnfinishedCall",
    "Usage",
    "endpoint_of",
    "estimate",
    "list_failing",
    "list_unknown",
    "release_call",
    "reset_breakers",
    "with_model",
]
