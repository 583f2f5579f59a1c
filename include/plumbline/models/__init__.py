"""
The one door to a model: every call to a provider passes here, and nothing else in the project speaks to one.

    door = Door(tools, run)
    with door.embedding(use="embed_chunk") as stream:
        key = stream.add(text, tokens)
"""

from plumbline.models.asking import ChatStream
from plumbline.models.breakers import Failing, list_failing, reset_breakers
from plumbline.models.budgets import Standing, list_budgets, remove_budgets, set_budgets, subject
from plumbline.models.calls import PromptRef
from plumbline.models.caps import require_within
from plumbline.models.conversation import (
    ChatAnswer,
    ChatRequest,
    Ended,
    Message,
    Schema,
    Tool,
    ToolCall,
    request_of,
)
from plumbline.models.door import Door, Proof
from plumbline.models.endpoints import Endpoint, endpoint_of, with_model
from plumbline.models.errors import (
    BudgetExhausted,
    MayHaveBeenBilled,
    PriceUnknown,
    ProviderResting,
    RetryLater,
)
from plumbline.models.moderating import Action, Judgement
from plumbline.models.prices import PriceList, estimate, price_list
from plumbline.models.requests import Usage
from plumbline.models.spending import Refusal, Spend, refusing_budgets
from plumbline.models.streams import TextStream
from plumbline.models.unfinished import UnfinishedCall, list_unknown

__all__ = [
    "Action",
    "BudgetExhausted",
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
    "PriceList",
    "PriceUnknown",
    "PromptRef",
    "Proof",
    "ProviderResting",
    "Refusal",
    "RetryLater",
    "Schema",
    "Spend",
    "Standing",
    "TextStream",
    "Tool",
    "ToolCall",
    "UnfinishedCall",
    "Usage",
    "endpoint_of",
    "estimate",
    "list_budgets",
    "list_failing",
    "list_unknown",
    "price_list",
    "refusing_budgets",
    "remove_budgets",
    "request_of",
    "require_within",
    "reset_breakers",
    "set_budgets",
    "subject",
    "with_model",
]
