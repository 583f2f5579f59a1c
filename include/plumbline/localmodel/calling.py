"""
Which tools are called, and with what arguments: those that the request asks for and the text fills.

A tool is called where its description is near to what is asked and the text holds every argument that
it demands.  The same extraction fills arguments and answers, so nothing is made up here either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from plumbline.localmodel.extraction import Extraction, TextIsSilent
from plumbline.localmodel.labels import label_scores
from plumbline.localmodel.prompts import Prompt, text_of_message
from plumbline.localmodel.sentences import sentences
from plumbline.localmodel.support import Passage
from plumbline.localmodel.toolbox import Tool, Toolbox

LINE = 0.38
"""Nearness of a tool's description to what is asked, below which the tool is not called unasked."""
MOST_CALLS = 16
MOST_SENTENCES = 40
"""Sentences of a request that are looked at one by one."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool; `arguments` is JSON."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class _Fit:
    call: Call
    score: float


def choose_calls(toolbox: Toolbox, messages: Sequence[Mapping[str, Any]], prompt: Prompt) -> list[Call]:
    """
    The calls that an answer consists of; none when it is given in words.

    Raises:
        TextIsSilent: A call is demanded, and the text does not hold its arguments.
    """
    if toolbox.choice == "none":
        return []
    tools = [tool for tool in toolbox.tools if toolbox.named in (None, tool.name)]
    asked = _asked(messages)
    if toolbox.choice == "required":
        return _demanded(toolbox, tools, asked, prompt)
    return _bounded(toolbox, _unasked(tools, asked, prompt), already=_made(messages))


def _demanded(toolbox: Toolbox, tools: Sequence[Tool], asked: str, prompt: Prompt) -> list[Call]:
    line = 0.0 if toolbox.named else LINE
    fits = _unasked(tools, asked, prompt, line)
    if fits:
        return _bounded(toolbox, fits, already=set())
    silence: TextIsSilent | None = None
    near = nearness(tools, asked)
    for tool in sorted(tools, key=lambda tool: -near[tool.name]):
        try:
            arguments = Extraction(tool.parameters, _about(asked, prompt)).answer()
        except TextIsSilent as silent:
            silence = silence or silent
        else:
            return [_call(tool, arguments)]
    raise silence or TextIsSilent("No tool can be called.")


def _unasked(tools: Sequence[Tool], asked: str, prompt: Prompt, line: float = LINE) -> list[_Fit]:
    """The calls that the text supports by itself: one for each sentence that fills a tool, or one of the whole."""
    fits: list[_Fit] = []
    for tool, texts in _near(tools, asked, line).items():
        by_sentence = [_fit(tool, text, score, prompt, alone=True) for text, score in texts[1:]]
        found = [fit for fit in by_sentence if fit is not None]
        whole = None if found else _fit(tool, *texts[0], prompt, alone=False)
        fits += found or ([whole] if whole else [])
    return fits


def _near(tools: Sequence[Tool], asked: str, line: float) -> dict[Tool, list[tuple[str, float]]]:
    """For every tool that is near: the whole of what is asked, and each sentence that is nearest to this tool."""
    parts = [sentence.text for sentence in sentences(asked)[:MOST_SENTENCES]]
    scores = [nearness(tools, text) for text in (asked, *(parts if len(parts) > 1 else ()))]
    texts = [asked, *parts] if len(parts) > 1 else [asked]
    found: dict[str, list[tuple[str, float]]] = {}
    for number, (text, near) in enumerate(zip(texts, scores, strict=True)):
        for tool in tools:
            nearest = number == 0 or near[tool.name] == max(near.values())
            if near[tool.name] >= line and nearest:
                found.setdefault(tool.name, []).append((text, near[tool.name]))
    return {
        tool: found[tool.name] if found[tool.name][0][0] == asked else [(asked, 0.0), *found[tool.name]]
        for tool in tools
        if tool.name in found
    }


def nearness(tools: Sequence[Tool], text: str) -> dict[str, float]:
    """How near each tool's name and description are to `text`; about 1 for the same words."""
    return label_scores(
        text,
        [tool.name for tool in tools],
        {tool.name: tool.description for tool in tools if tool.description},
    )


def _fit(tool: Tool, text: str, score: float, prompt: Prompt, *, alone: bool) -> _Fit | None:
    about = replace(prompt, passages=[Passage(text)], question=text) if alone else _about(text, prompt)
    arguments = Extraction(tool.parameters, about).supported()
    return None if arguments is None else _Fit(_call(tool, arguments), score)


def _about(asked: str, prompt: Prompt) -> Prompt:
    """What is asked is material too: it names what a tool is to be called with."""
    others = [passage for passage in prompt.passages if passage.text.strip() not in asked]
    return replace(prompt, passages=[Passage(asked), *others], question=asked)


def _bounded(toolbox: Toolbox, fits: Sequence[_Fit], *, already: set[Call]) -> list[Call]:
    """Each call once, none that was made for this question before, the best alone where one is allowed."""
    new = [fit for fit in fits if fit.call not in already]
    if not toolbox.parallel or toolbox.named:
        new = sorted(new, key=lambda fit: -fit.score)[:1]
    return list(dict.fromkeys(fit.call for fit in new))[:MOST_CALLS]


def _asked(messages: Sequence[Mapping[str, Any]]) -> str:
    """The words of the last message of a user."""
    return next((text_of_message(one) for one in reversed(messages) if one["role"] == "user"), "")


def _made(messages: Sequence[Mapping[str, Any]]) -> set[Call]:
    """The calls since the last message of a user."""
    made = set()
    for message in reversed(messages):
        if message["role"] == "user":
            break
        for call in message.get("tool_calls") or ():
            made.add(Call(call["function"]["name"], call["function"]["arguments"]))
    return made


def _call(tool: Tool, arguments: Mapping[str, Any]) -> Call:
    return Call(tool.name, orjson.dumps(arguments).decode())
