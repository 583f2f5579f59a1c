r"""
Files of NAME=value lines, read as docker compose reads its `.env`: one file serves both forms.

A comment begins at the line's start or after white space; a value may stand in quotes, over several lines too.
Between double quotes `\n`, `\"`, `\\` and `\$` mean what they mean there; between single ones only `\'` is special.
A `$` stands for itself: no setting of ours is made of another.  What cannot be read is named by its line, and its
contents, which may be a password, are never repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from plumbline.core.errors import Misconfigured

_SKIPPED = re.compile(r"(?:\s|#[^\n]*)*")
_STATEMENT = re.compile(
    r"""
    (?:export[ \t]+)?
    (?P<name>[^\W\d][\w.-]*)[ \t]*
    (?:
        [=:][ \t]*(?:"(?P<double>(?:[^"\\]|\\.)*)"|'(?P<single>(?:[^'\\]|\\.)*)')[ \t]*(?:\#[^\n]*)?
      | [=:](?P<bare>(?![ \t]*["'])[^\n]*)
      | (?:\#[^\n]*)?
    )
    (?:\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"\s#.*")
_ESCAPE = re.compile(r'\\([abfnrtv$"\\])')
_CONTROLS = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_PLAIN = re.compile(r"[\w./:@%+,=?&~-]*", re.ASCII)


def read_env_file(path: Path) -> dict[str, str]:
    """
    Return the settings in a file; an absent one has none, and a name without a value is left to the environment.

    Raises:
        Misconfigured: A line is no setting, or not UTF-8; the message names file and line.
    """
    try:
        content = path.read_bytes().replace(b"\r\n", b"\n")
    except FileNotFoundError:
        return {}
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"Line {line} of {path} has a byte in it that is not UTF-8: save the file as UTF-8."
        raise Misconfigured(message) from None
    return dict(_settings(text, path))


def assignment(name: str, value: str) -> str:
    """Return the line from which a setting is read back as it is.  Pure."""
    if _PLAIN.fullmatch(value):
        return f"{name}={value}\n"
    escaped = re.sub(r'([\\"$])', r"\\\1", value).replace("\n", r"\n").replace("\r", r"\r")
    return f'{name}="{escaped}"\n'


def _settings(text: str, path: Path) -> Iterator[tuple[str, str]]:
    position = _end_of_skipped(text, 0)
    while position < len(text):
        found = _STATEMENT.match(text, position)
        if found is None:
            line = text.count("\n", 0, position) + 1
            raise Misconfigured(
                f"Line {line} of {path} cannot be read: a setting is written NAME=value, and a quote that is opened "
                "is closed."
            )
        value = _value(found)
        if value is not None:
            yield found["name"], value
        position = _end_of_skipped(text, found.end())


def _end_of_skipped(text: str, position: int) -> int:
    skipped = _SKIPPED.match(text, position)
    return skipped.end() if skipped else position


def _value(found: re.Match[str]) -> str | None:
    if found["double"] is not None:
        return _ESCAPE.sub(lambda escape: _CONTROLS.get(escape[1], escape[1]), found["double"])
    if found["single"] is not None:
        return found["single"].replace(r"\'", "'")
    return None if found["bare"] is None else _COMMENT.sub("", found["bare"]).strip()
