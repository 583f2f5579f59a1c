"""
Values go in as declared: all of them, no other, none too long, strangers' text behind its fence.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from plumbline.core.errors import Fatal
from plumbline.core.prompts.fences import fence_number, fenced
from plumbline.core.prompts.files import Variable
from plumbline.core.tokenizer import CHAT_ENCODING, tokenizer

Value = str | int | float | bool | Sequence[str]
Printed = str | int | float | bool | list[str]


class VariableRefused(Fatal):
    """A value is missing, too many, too long, or of another kind; the message never holds the value."""


def prepared(
    prompt: str, variables: Mapping[str, Variable], lists: Collection[str], given: Mapping[str, Value]
) -> dict[str, Printed]:
    """
    Return the values as the templates get them: checked, and fenced where they are untrusted.  Pure.

    Raises:
        VariableRefused: A value is not what the header declares.
    """
    _check_names(prompt, variables, given)
    for name, value in given.items():
        _check_value(prompt, variables[name], value, several=name in lists)
    untrusted = [name for name, variable in variables.items() if variable.untrusted]
    number = fence_number(untrusted, (text for value in given.values() for text in _texts(value)))
    return {
        name: _printed(variables[name], value, number if variables[name].untrusted else None)
        for name, value in given.items()
    }


def _check_names(prompt: str, variables: Mapping[str, Variable], given: Mapping[str, Value]) -> None:
    missing, strange = variables.keys() - given.keys(), given.keys() - variables.keys()
    if missing:
        raise VariableRefused(f"The prompt {prompt} is not given {', '.join(sorted(missing))}.")
    if strange:
        known = ", ".join(variables) or "none"
        raise VariableRefused(
            f"The prompt {prompt} has no variable {', '.join(sorted(strange))}; it has {known}."
        )


def _check_value(prompt: str, variable: Variable, value: Value, *, several: bool) -> None:
    what = f"The variable {variable.name} of the prompt {prompt}"
    if several:
        if (
            isinstance(value, str)
            or not isinstance(value, Sequence)
            or not all(isinstance(one, str) for one in value)
        ):
            raise VariableRefused(f"{what} is a list of texts.")
    elif not isinstance(value, str if variable.untrusted else (str, int, float, bool)):
        raise VariableRefused(
            f"{what} is {'a text' if variable.untrusted else 'a text, a number or a switch'}."
        )
    try:
        tokens = sum(tokenizer(CHAT_ENCODING).count(text) for text in _texts(value))
    except UnicodeEncodeError:
        raise VariableRefused(f"{what} holds characters that are no text (lone surrogates).") from None
    if tokens > variable.most_tokens:
        raise VariableRefused(f"{what} has {tokens} tokens, more than its {variable.most_tokens}.")


def _texts(value: Value) -> Iterator[str]:
    """The texts of a value; numbers and switches are written as the template writes them."""
    if isinstance(value, str | int | float):
        yield str(value)
    else:
        yield from value


def _printed(variable: Variable, value: Value, number: int | None) -> Printed:
    if isinstance(value, int | float):
        return value
    texts = [text if number is None else fenced(variable.name, text, number) for text in _texts(value)]
    return texts[0] if isinstance(value, str) else texts
