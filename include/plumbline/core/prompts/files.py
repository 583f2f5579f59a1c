"""
The file of a prompt: a header in YAML, then the sections `# system` and `# user`.

A header with a key that nobody reads, or without one that somebody needs, is refused with its line: a misspelt
`untrusted` would otherwise open the prompt to strangers without a sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from plumbline.core.errors import Fatal

_NEEDED = ("purpose", "variables", "answer", "approved_by")
_ALLOWED = frozenset({*_NEEDED, "temperature", "max_output_tokens"})
_OF_A_VARIABLE = ("is", "untrusted", "most_tokens")
_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ANSWER_NAME = re.compile(r"[a-z0-9_.]+\.json")
_HOTTEST = 2.0
_TITLES = ("# system", "# user")

Lines = Mapping[str, int]


class PromptUnusable(Fatal):
    """The file of a prompt is not what a prompt has to be; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Variable:
    """What a prompt is given: `says` what it is, `untrusted` when strangers may have written it."""

    name: str
    says: str
    untrusted: bool
    most_tokens: int


@dataclass(frozen=True, slots=True)
class Section:
    """One message of a prompt as a template; `line` is where its text begins in the file."""

    role: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class PromptFile:
    """A file as it was read, not yet as a template."""

    where: str
    purpose: str
    variables: Mapping[str, Variable]
    answer: str | None
    approved_by: str | None
    temperature: float | None
    max_output_tokens: int | None
    system: Section
    user: Section

    def refuse(self, line: int, fact: str) -> NoReturn:
        """Raise PromptUnusable for a line of this file."""
        _refuse(self.where, line, fact)


def parse(text: str, where: str) -> PromptFile:
    """
    Read the text of a prompt's file; `where` names it in errors.  Pure.

    Raises:
        PromptUnusable: The header or the sections are not what they have to be.
    """
    lines = text.splitlines()
    if not lines or lines[0] != "---":
        _refuse(where, 1, "a prompt begins with a line `---`, its header and another line `---`")
    try:
        end = lines.index("---", 1)
    except ValueError:
        _refuse(where, 1, "the header is not closed by a line `---`")
    header, at = _read_header("\n".join(lines[1:end]), where)
    variables = _variables(header["variables"], at, where)
    system, user = _sections(lines, end + 1, where)
    return PromptFile(
        where=where,
        purpose=_checked(header, at, where, "purpose", _is_words, "a sentence"),
        variables=variables,
        answer=_checked(
            header, at, where, "answer", _is_answer, "none, or the name of a JSON file beside it"
        ),
        approved_by=_checked(header, at, where, "approved_by", _is_words_or_none, "a name, or empty"),
        temperature=_checked(header, at, where, "temperature", _is_temperature, "a number from 0 to 2"),
        max_output_tokens=_checked(
            header, at, where, "max_output_tokens", _is_count_or_none, "a whole number above 0"
        ),
        system=system,
        user=user,
    )


def _read_header(text: str, where: str) -> tuple[dict[str, Any], Lines]:
    """Return the header and the line of each of its keys, those of a variable as `variables.name.key`."""
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        at: dict[str, int] = {}
        if not isinstance(node, yaml.MappingNode):
            _refuse(where, 2, "the header holds no `key: value`")
        _note_lines(node, "", at, where)
        header: dict[str, Any] = loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 2
        _refuse(where, line, f"the header is no YAML: {error.problem}")
    finally:
        loader.dispose()
    for key in header:
        if key not in _ALLOWED:
            _refuse(where, at[key], f"the header knows no {key!r}; it knows {', '.join(sorted(_ALLOWED))}")
    for key in _NEEDED:
        if key not in header:
            _refuse(where, 2, f"the header lacks {key!r}")
    return header, at


def _note_lines(node: yaml.MappingNode, path: str, at: dict[str, int], where: str) -> None:
    for key, inside in node.value:
        line = key.start_mark.line + 2
        if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
            _refuse(where, line, "a key of the header is a word")
        name = f"{path}{key.value}"
        if name in at:
            _refuse(where, line, f"{key.value!r} is there twice")
        at[name] = line
        if isinstance(inside, yaml.MappingNode):
            _note_lines(inside, f"{name}.", at, where)


def _variables(declared: object, at: Lines, where: str) -> dict[str, Variable]:
    if declared is None:
        return {}
    if not isinstance(declared, dict):
        _refuse(where, at["variables"], "variables are `name:`, each with is, untrusted and most_tokens")
    return {name: _variable(name, about, at, where) for name, about in declared.items()}


def _variable(name: str, about: object, at: Lines, where: str) -> Variable:
    line = at[f"variables.{name}"]
    if not _VARIABLE_NAME.fullmatch(name):
        _refuse(where, line, f"{name!r} is no name of a variable: small letters, digits and _")
    if not isinstance(about, dict):
        _refuse(where, line, f"the variable {name} lacks {', '.join(_OF_A_VARIABLE)}")
    path = f"variables.{name}."
    for key in about:
        if key not in _OF_A_VARIABLE:
            known = ", ".join(_OF_A_VARIABLE)
            _refuse(where, at[path + key], f"the variable {name} knows no {key!r}; it knows {known}")
    for key in _OF_A_VARIABLE:
        if key not in about:
            _refuse(where, line, f"the variable {name} lacks {key!r}")
    lines = {key: at[path + key] for key in about}
    return Variable(
        name=name,
        says=_checked(about, lines, where, "is", _is_words, "a sentence"),
        untrusted=_checked(
            about, lines, where, "untrusted", lambda value: isinstance(value, bool), "true or false"
        ),
        most_tokens=_checked(about, lines, where, "most_tokens", _is_count, "a whole number above 0"),
    )


def _sections(lines: list[str], begin: int, where: str) -> tuple[Section, Section]:
    titles = [(number, line) for number, line in enumerate(lines[begin:], begin) if line.rstrip() in _TITLES]
    if tuple(line.rstrip() for _, line in titles) != _TITLES:
        found = ", ".join(f"`{line}` in line {number + 1}" for number, line in titles) or "none"
        _refuse(
            where, begin + 1, f"after the header come `# system`, then `# user`, each once; found: {found}"
        )
    (system, _), (user, _) = titles
    for number, line in enumerate(lines[begin:system], begin):
        if line.strip():
            _refuse(where, number + 1, "nothing stands between the header and `# system`")
    return _section("system", lines, system + 1, user, where), _section(
        "user", lines, user + 1, len(lines), where
    )


def _section(role: str, lines: list[str], begin: int, end: int, where: str) -> Section:
    while begin < end and not lines[begin].strip():
        begin += 1
    text = "\n".join(lines[begin:end]).rstrip()
    if not text:
        _refuse(where, begin, f"the section `# {role}` is empty")
    return Section(role, text, begin + 1)


def _checked(
    values: Mapping[str, Any], at: Lines, where: str, key: str, fits: Callable[[Any], bool], wanted: str
) -> Any:
    value = values.get(key)
    if not fits(value):
        _refuse(where, at.get(key, 2), f"{key} must be {wanted}, not {value!r}")
    return value.strip() if isinstance(value, str) else value


def _is_words(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_words_or_none(value: object) -> bool:
    return value is None or _is_words(value)


def _is_answer(value: object) -> bool:
    return value is None or (isinstance(value, str) and _ANSWER_NAME.fullmatch(value) is not None)


def _is_temperature(value: object) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return value is None or (number and 0 <= value <= _HOTTEST)  # type: ignore[operator]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_count_or_none(value: object) -> bool:
    return value is None or _is_count(value)


def _refuse(where: str, line: int, fact: str) -> NoReturn:
    raise PromptUnusable(f"{where}, line {line}: {fact}.")
