"""
How long a prompt is, in the provider's tokens: what is paid for with every call before anything is asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plumbline.core.prompts.fences import fenced
from plumbline.core.prompts.loading import Prompt
from plumbline.core.tokenizer import CHAT_ENCODING, tokenizer

_TOKENS_OF_A_MESSAGE = 4  # its role, and the marks around it
_TOKENS_OF_THE_REPLY = 3  # the marks that open the answer


@dataclass(frozen=True, slots=True)
class Length:
    """
    Tokens of a prompt.

    `fixed` are its own words, fences and marks; `most` come with every variable at its longest; `answer` is the
    answer schema, which is sent with every call as well.  For a list, `fixed` holds the fence of one text.
    """

    fixed: int
    most: int
    answer: int


def length(prompt: Prompt) -> Length:
    """Return how long a prompt is; every branch of a choice counts.  Pure."""
    sections = (prompt.system, prompt.user)
    printed = [prompt.variables[name] for section in sections for name in section.printed]
    fixed = _TOKENS_OF_THE_REPLY + sum(_TOKENS_OF_A_MESSAGE + count(section.words) for section in sections)
    fixed += sum(count(fenced(variable.name, "", 1)) for variable in printed if variable.untrusted)
    answer = count(schema_text(prompt.schema)) if prompt.schema else 0
    return Length(fixed, fixed + sum(variable.most_tokens for variable in printed), answer)


def count(text: str) -> int:
    """Return the tokens of a text for a chat model.  Pure."""
    return tokenizer(CHAT_ENCODING).count(text)


def schema_text(schema: Mapping[str, Any]) -> str:
    """Return a schema as it is sent: without white space.  Pure."""
    return json.dumps(schema, separators=(",", ":"), ensure_ascii=False)
