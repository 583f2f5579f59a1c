"""
From a name to a prompt that may be used, or a sentence that says why not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plumbline.core.errors import Fatal
from plumbline.core.prompts.files import PromptFile, PromptUnusable, Variable, parse
from plumbline.core.prompts.releases import PROMPTS, digest_of, verify_released
from plumbline.core.prompts.rendering import Value, prepared
from plumbline.core.prompts.strictness import strict_problems
from plumbline.core.prompts.templates import Checked

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")
_VERSION = re.compile(r"v([1-9][0-9]{0,5})")


class PromptUnknown(Fatal):
    """There is no such prompt, or no such version of it."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """
    One version of a prompt, with what the ledger writes down of it.

    `sha256` is that of its file, `answer_sha256` that of its answer schema; `released` when both are frozen.
    """

    name: str
    version: str
    sha256: bytes
    approved_by: str | None
    purpose: str
    variables: Mapping[str, Variable]
    answer: str | None
    answer_sha256: bytes | None
    schema: Mapping[str, Any] | None
    temperature: float | None
    max_output_tokens: int | None
    released: bool
    system: Checked = field(repr=False, compare=False)
    user: Checked = field(repr=False, compare=False)

    def render(self, **variables: Value) -> list[dict[str, str]]:
        """
        Return the messages for these values, the system's and the user's.

        Every declared variable is given, and no other: text; numbers and switches too, where the variable is
        trusted; a list of texts, where the template loops over it.

        Raises:
            VariableRefused: A value is missing, too many, too long, or of another kind.
        """
        lists = self.system.lists | self.user.lists
        values = prepared(f"{self.name} {self.version}", self.variables, lists, variables)
        # What a loop or a choice leaves at the end of a line is paid for, and says nothing.
        return [
            {"role": role, "content": section.template.render(values).strip("\n")}
            for role, section in (("system", self.system), ("user", self.user))
        ]

    def answer_format(self) -> dict[str, Any] | None:
        """Return the `response_format` that asks a provider for the answer schema; None for a prompt without one."""
        if self.schema is None:
            return None
        described = {"name": f"{self.name}_{self.version}"[-64:], "strict": True, "schema": self.schema}
        return {"type": "json_schema", "json_schema": described}


def load_prompt(name: str, version: str | None = None, *, root: Path = PROMPTS) -> Prompt:
    """
    Return a prompt: its newest released version, or the one that is named.

    Only a version that is named may be one that nobody approved, or that is not released.  Every load reads and
    compares the files, so load once and render often.

    Raises:
        PromptUnknown: There is no such prompt or version.
        PromptEdited: A released version of it was changed, or is gone.
        PromptUnusable: The file is not what a prompt has to be; the message names the line.
    """
    if not _NAME.fullmatch(name) or not versions(name, root=root):
        verify_released(root, name)
        raise PromptUnknown(
            f"There is no prompt {name!r}. There are: {', '.join(prompt_names(root)) or 'none'}."
        )
    released = verify_released(root, name)
    if version is None:
        return _newest(name, released, root)
    if version not in versions(name, root=root):
        known = ", ".join(versions(name, root=root))
        raise PromptUnknown(f"The prompt {name} has no version {version!r}. It has: {known}.")
    return _read(name, version, released, root)


def prompt_names(root: Path = PROMPTS) -> list[str]:
    """Return the names of all prompts, released or not."""
    return sorted(
        folder.name
        for folder in root.iterdir()
        if folder.is_dir() and _NAME.fullmatch(folder.name) and any(folder.glob("v*.md"))
    )


def versions(name: str, *, root: Path = PROMPTS) -> list[str]:
    """Return the versions of a prompt, oldest first, released or not."""
    found = [path.stem for path in (root / name).glob("v*.md") if _VERSION.fullmatch(path.stem)]
    return sorted(found, key=_number)


def _newest(name: str, released: Mapping[str, str], root: Path) -> Prompt:
    """The newest version that is released and approved."""
    for version in reversed(versions(name, root=root)):
        if f"{name}/{version}.md" in released:
            prompt = _read(name, version, released, root)
            if prompt.approved_by:
                return prompt
    raise PromptUnknown(
        f"No version of the prompt {name} is released: name its `approved_by`, then `plumbline prompts freeze`. "
        f"Until then it is used by version alone ({', '.join(versions(name, root=root))})."
    )


def _read(name: str, version: str, released: Mapping[str, str], root: Path) -> Prompt:
    where = f"{name}/{version}.md"
    path = root / where
    try:
        file = parse(path.read_text(encoding="utf-8"), where)
    except UnicodeDecodeError:
        raise PromptUnusable(f"{where}: the file is not in UTF-8.") from None
    system, user = Checked(file, file.system), Checked(file, file.user)
    _check_use(file, system, user)
    answer = path.with_name(file.answer) if file.answer else None
    paths = [where, *([f"{name}/{file.answer}"] if file.answer else [])]
    return Prompt(
        name=name,
        version=version,
        sha256=bytes.fromhex(digest_of(path)),
        approved_by=file.approved_by,
        purpose=file.purpose,
        variables=file.variables,
        answer=file.answer,
        schema=_read_schema(file, answer) if answer else None,
        answer_sha256=bytes.fromhex(digest_of(answer)) if answer else None,
        temperature=file.temperature,
        max_output_tokens=file.max_output_tokens,
        released=all(one in released for one in paths),
        system=system,
        user=user,
    )


def _check_use(file: PromptFile, system: Checked, user: Checked) -> None:
    unused = file.variables.keys() - {*system.named, *user.named}
    if unused:
        file.refuse(2, f"declared and not used: {', '.join(sorted(unused))}")
    both = (system.lists | user.lists) & (system.printed_whole | user.printed_whole)
    if both:
        file.refuse(2, f"looped over in one place and printed whole in another: {', '.join(sorted(both))}")


def _read_schema(file: PromptFile, path: Path) -> dict[str, Any]:
    where = f"{file.where.rpartition('/')[0]}/{path.name}"
    try:
        schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        file.refuse(2, f"there is no {path.name} beside it, which it names as its answer")
    except UnicodeDecodeError:
        raise PromptUnusable(f"{where}: the file is not in UTF-8.") from None
    except json.JSONDecodeError as error:
        raise PromptUnusable(f"{where}, line {error.lineno}: this is no JSON: {error.msg}.") from None
    if problems := strict_problems(schema):
        raise PromptUnusable(f"{where}: a provider would refuse this schema: {'; '.join(problems)}.")
    return schema


def _number(version: str) -> int:
    found = _VERSION.fullmatch(version)
    return int(found[1]) if found else 0
