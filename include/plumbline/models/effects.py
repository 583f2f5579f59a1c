"""
What a model asks for is done once.

A model asks for tools by name; only declared ones are called, with arguments that fit their schema (the door has
looked).  An effect on our own tables, and the row that says it has happened, are one transaction under a unique key: a
retry, a cleared task or a second worker finds the row, and gives the model the same result again.

What a tool gives back is written as JSON, and that text is minimised before it is kept, or told to the model: a name
beside a value, and a value that is a number, count as in any text.  What is told again is the text that is kept.  A
model reads pseudonyms only, and the book holds nothing in clear.  They are turned back on delivery
(`plumbline.privacy.restore`), as everywhere.

An action that reaches outside the database must not act here: it writes down what is to be done, under the same key,
for whoever does it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
from psycopg.types.json import Jsonb

from plumbline.core import db
from plumbline.core.errors import Fatal
from plumbline.core.hashing import sha256
from plumbline.core.receipts import Run
from plumbline.models.conversation import ChatAnswer, ChatRequest, Ended, Message, Tool, ToolCall

if TYPE_CHECKING:
    from plumbline.core.db import Session

Act = Callable[["Session", Mapping[str, Any]], object]
"""Given the session of the transaction and the arguments, acts and returns what the model is to be told (JSON)."""

Minimise = Callable[[str], str]
"""Given a text, returns it as it may leave: `Door.minimise`."""

_MOST_ROUNDS = 8
_TOLD = "told"
"""Under this name a row holds what the model is told, byte for byte."""


class TooManyRounds(Fatal):
    """A model that goes on asking for tools is stopped."""


@dataclass(frozen=True, slots=True)
class Action:
    """A declared tool and what it does."""

    tool: Tool
    act: Act


def perform(
    session: Session, run: Run, actions: Mapping[str, Action], answer: ChatAnswer, minimise: Minimise
) -> list[tuple[ToolCall, str]]:
    """
    Do what an answer asks for, each call once, in this transaction; return the calls with what the model is told.

    Raises:
        KeyError: A tool that is not among the actions: the request declared more than the caller can do.
        NoKeys: Something personal is in a result, and there is no key to replace it with.
    """
    return [
        (call, _once(session, run, answer.key, place, call, partial(_told, session, call, actions, minimise)))
        for place, call in enumerate(answer.tool_calls)
    ]


def converse(
    ask: Callable[[ChatRequest], ChatAnswer],
    transaction: Callable[[], Any],
    run: Run,
    request: ChatRequest,
    actions: Sequence[Action],
    minimise: Minimise,
    most_rounds: int = _MOST_ROUNDS,
) -> ChatAnswer:
    """
    Ask, do what the model asks for, tell it the results, and so on until it answers in words.

    `ask` is the door's way to one answer, `transaction` opens one of the tenant's, and `minimise` is the door's.  A
    conversation that was cut off is taken up where it was: its answers are found and its effects are not repeated.

    Raises:
        TooManyRounds: The model still asks for tools after so many rounds.
    """
    declared = {action.tool.name: action for action in actions}
    request = replace(request, tools=tuple(action.tool for action in actions))
    for _ in range(most_rounds):
        answer = ask(request)
        if answer.ended is not Ended.TOOL_CALLS:
            return answer
        with transaction() as session:
            results = perform(session, run, declared, answer, minimise)
        told = [Message("tool", result, answers=call.call_ref) for call, result in results]
        asked = Message("assistant", "", tool_calls=answer.tool_calls)
        request = replace(request, messages=(*request.messages, asked, *told))
    raise TooManyRounds(f"The model asked for tools {most_rounds} times in a row and gave no answer.")


def _told(session: Session, call: ToolCall, actions: Mapping[str, Action], minimise: Minimise) -> str:
    """Each text by itself, because a new line is two letters when it is written; then all, for names beside values."""
    result = orjson.loads(_written(actions[call.tool].act(session, call.arguments)))
    return minimise(_written(_minimised(result, minimise)))


def _minimised(value: object, minimise: Minimise) -> object:
    if isinstance(value, str):
        return minimise(value)
    if isinstance(value, list):
        return [_minimised(one, minimise) for one in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, object] = {}
    for name, one in value.items():
        said = minimise(name)
        while said in found:  # two spellings of one name are two entries still
            said += "_"
        found[said] = _minimised(one, minimise)
    return found


def _once(
    session: Session, run: Run, answer_key: bytes, place: int, call: ToolCall, act: Callable[[], str]
) -> str:
    key = sha256(run.tenant, answer_key.hex(), str(place), call.tool, _written(call.arguments))
    # Whoever comes second waits here until the first has committed, or has come to nothing.
    db.run(session, "ledger/lock_effect", key=key.hex())
    done = db.row(session, "ledger/select_effect", key=key)
    if done is not None:
        # Earlier versions kept the value, and not what is told of it.
        kept = done["result"]
        told = kept.get(_TOLD) if isinstance(kept, dict) and len(kept) == 1 else None
        return told if isinstance(told, str) else _written(kept)
    result = act()
    db.run(
        session,
        "ledger/insert_effect",
        key=key,
        tenant=run.tenant,
        tool=call.tool,
        answer_key=answer_key,
        result=Jsonb({_TOLD: result}),
        run_id=run.run_id,
    )
    return result


def _written(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
