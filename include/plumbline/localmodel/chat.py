"""
`POST /v1/chat/completions`: answers taken from the text in the request, never generated.

With a JSON schema the answer is extracted field by field; with tools it is a call of those whose
arguments the text holds; otherwise it is the sentence that best supports an answer, or the plain
statement that there is none.  Every answer carries the name `local-extractive`, as model and as
fingerprint, so that nobody takes it for more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Any

import orjson

from plumbline.localmodel.answers import Admit, Answer, Bill
from plumbline.localmodel.calling import Call, choose_calls
from plumbline.localmodel.catalog import CHAT_MODEL
from plumbline.localmodel.chat_bodies import Reply, stream_events, whole_body
from plumbline.localmodel.chat_requests import MOST_ANSWER_TOKENS, ChatRequest, read_request
from plumbline.localmodel.extraction import Extraction, TextIsSilent
from plumbline.localmodel.manner import HONEST, Manner, Wrong
from plumbline.localmodel.obeying import obeyed_calls, obeyed_fields, obeyed_words
from plumbline.localmodel.prompts import Prompt, read_prompt, text_of_message
from plumbline.localmodel.support import Evidence, Passage
from plumbline.localmodel.tokens import count_tokens, first_tokens

SUMMARY_SENTENCES = 3
MOST_QUOTED = 300
"""Characters up to which the answer of a tool is repeated, when no sentence of it answers by itself."""

NO_SUPPORT = "The text given does not answer this."
NO_TEXT = (
    "There is no text in this request to answer from. This model only extracts; it knows nothing by itself."
)

REFUSED = "I'm sorry, but I can't help with that."
PASSING = ("stream", "stream_options", "user", "metadata", "store", "safety_identifier", "prompt_cache_key")
"""Parameters that make no other question of a request."""


def answer_chat(payload: Any, admit: Admit, manner: Manner = HONEST) -> Answer:
    """
    Answer one conversation.

    Raises:
        ApiError: The provider would refuse it too; or `admit` did.
    """
    request = read_request(payload)
    admit(CHAT_MODEL, request.prompt_tokens + min(request.most_tokens, MOST_ANSWER_TOKENS))
    reply = made_wrong(reply_to(request, manner), manner.wrong)
    bill = Bill(
        CHAT_MODEL,
        inputs=1,
        prompt_tokens=request.prompt_tokens,
        completion_tokens=reply.tokens * request.choices,
        question=_question(payload),
    )
    identity = f"chatcmpl-{sha256(orjson.dumps(payload)).hexdigest()[:29]}"
    if request.stream:
        return Answer(bill, events=tuple(stream_events(request, reply, bill, identity)))
    return Answer(bill, body=whole_body(request, reply, bill, identity))


def reply_to(request: ChatRequest, manner: Manner = HONEST) -> Reply:
    """What there is to say, or to call.  Pure, apart from counting tokens."""
    prompt = read_prompt(request.messages)
    try:
        calls = _calls(request, prompt, gullible=manner.gullible)
        said = "" if calls else _said(request, prompt, gullible=manner.gullible)
    except TextIsSilent as silence:
        return _bounded(request, "", refusal=str(silence))
    return _calling(request, calls) if calls else _bounded(request, said)


def made_wrong(reply: Reply, wrong: Wrong | None) -> Reply:
    """The same reply, spoilt as a test asked for; None spoils nothing.  Pure, apart from counting tokens."""
    match wrong:
        case Wrong.REFUSAL:
            return Reply(None, REFUSED, "stop", count_tokens(REFUSED))
        case Wrong.LENGTH | Wrong.CONTENT_FILTER:
            return _halved(reply, wrong.value)
        case Wrong.BREAK_SCHEMA:
            calls = tuple(Call(call.name, _broken(call.arguments)) for call in reply.calls)
            content = _broken(reply.content) if reply.content is not None else None
            return replace(reply, content=content, calls=calls)
    return reply


def _calls(request: ChatRequest, prompt: Prompt, *, gullible: bool) -> list[Call]:
    if request.toolbox is None:
        return []
    ordered = obeyed_calls(request.toolbox, request.messages, prompt) if gullible else []
    return ordered or choose_calls(request.toolbox, request.messages, prompt)


def _said(request: ChatRequest, prompt: Prompt, *, gullible: bool) -> str:
    """
    The answer in words, or in the JSON asked for.

    Raises:
        TextIsSilent: The schema demands what the text does not hold.
    """
    if request.schema is not None:
        answer = Extraction(request.schema, prompt).answer()
        if gullible:
            answer = obeyed_fields(answer, request.schema, request.messages, prompt)
        return orjson.dumps(answer).decode()
    ordered = obeyed_words(request.messages, prompt) if gullible else None
    if ordered is not None:
        return ordered
    if request.messages[-1]["role"] == "tool":
        return _from_tools(request.messages, prompt)
    return extractive_answer(prompt)


def _from_tools(messages: Sequence[Mapping[str, Any]], prompt: Prompt) -> str:
    """The answer from what the tools said since the question; all of it, when it is short."""
    asked = max((i for i, one in enumerate(messages) if one["role"] == "user"), default=-1)
    results = [Passage(text_of_message(one)) for one in messages[asked + 1 :] if one["role"] == "tool"]
    question = prompt.question or (text_of_message(messages[asked]) if asked >= 0 else "")
    said = extractive_answer(replace(prompt, passages=results, question=question))
    whole = "\n".join(result.text for result in results).strip()
    return whole if said == NO_SUPPORT and 0 < len(whole) <= MOST_QUOTED else said


def _bounded(request: ChatRequest, said: str, refusal: str | None = None) -> Reply:
    """Words within the stop sequences and the tokens that the request allows."""
    for end in request.stop:
        said = said.partition(end)[0]
    spoken = refusal or said
    cut = first_tokens(spoken, request.most_tokens)
    reason = "stop" if cut == spoken else "length"
    content, refused = (None, cut) if refusal else (cut, None)
    return Reply(content, refused, reason, count_tokens(cut))


def _calling(request: ChatRequest, calls: Sequence[Call]) -> Reply:
    """Calls within the tokens that the request allows; one that was demanded by name ends with `stop`, as theirs."""
    left, kept = request.most_tokens, list[Call]()
    for call in calls:
        left -= count_tokens(call.name)
        arguments = first_tokens(call.arguments, left) if left > 0 else ""
        left -= count_tokens(arguments)
        kept.append(Call(call.name, arguments))
        if arguments != call.arguments:
            return Reply(None, None, "length", request.most_tokens, tuple(kept))
    named = request.toolbox is not None and request.toolbox.named is not None
    return Reply(None, None, "stop" if named else "tool_calls", request.most_tokens - left, calls=tuple(kept))


def _halved(reply: Reply, reason: str) -> Reply:
    content = None if reply.content is None else first_tokens(reply.content, reply.tokens // 2)
    calls = tuple(Call(one.name, one.arguments[: len(one.arguments) // 2]) for one in reply.calls)
    return Reply(content, None, reason, reply.tokens // 2, calls)


def _broken(answer: str) -> str:
    """JSON without its last field and with one that nobody asked for; text that is no JSON stays as it is."""
    try:
        fields = orjson.loads(answer)
    except orjson.JSONDecodeError:
        return answer
    if not isinstance(fields, dict):
        return answer
    return orjson.dumps({**dict(list(fields.items())[:-1]), "unexpected": True}).decode()


def _question(payload: Mapping[str, Any]) -> bytes:
    """A mark of what is asked: two requests that must have one answer have one mark."""
    asked = {name: value for name, value in payload.items() if name not in PASSING}
    return blake2b(orjson.dumps(asked, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()


def extractive_answer(prompt: Prompt) -> str:
    """
    The sentence of the material that best supports an answer, with the name of its passage if it has one.

    A summary is asked for: the sentences nearest to the whole.  No material, or no support: that.
    """
    evidence = Evidence.of(prompt.passages)
    asked = prompt.question or prompt.instructions
    only_the_question = [passage.text.strip() for passage in prompt.passages] == [prompt.question]
    if not evidence.found or only_the_question:
        return NO_TEXT
    if prompt.wants_summary:
        return " ".join(evidence.found[index].text for index in evidence.central(SUMMARY_SENTENCES))
    if not asked.strip():
        return NO_TEXT
    best = evidence.best(asked)
    if not best:
        return NO_SUPPORT
    name = evidence.name_of(best[0].index)
    sentence = evidence.found[best[0].index].text
    return f"{sentence} [{name}]" if name else sentence
