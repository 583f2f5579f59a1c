"""
Released versions do not change: their hashes are committed in `include/prompts/frozen.txt`.

A call in the ledger names prompt, version and hash.  If a released file could be edited, that row would no longer say
what was sent, and answers that were bought for other words would be replayed for these.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from plumbline.core.errors import Fatal
from plumbline.core.prompts.files import PromptUnusable

PROMPTS = Path(__file__).parents[3] / "prompts"
_LIST = "frozen.txt"
_HEX_OF_SHA256 = 64


class PromptEdited(Fatal):
    """A released version is not what it was when it was released."""


def frozen(root: Path = PROMPTS) -> dict[str, str]:
    """Return path below `root` to SHA-256 of every released file; raises PromptUnusable for a line that is none."""
    path, released = root / _LIST, {}
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            continue
        if len(parts) != 2 or len(parts[0]) != _HEX_OF_SHA256 or parts[1] in released:  # noqa: PLR2004 - hash, path
            raise PromptUnusable(f"{_LIST}, line {number}: a line is a SHA-256 and a path, each path once.")
        released[parts[1]] = parts[0]
    return released


def verify_released(root: Path = PROMPTS, name: str | None = None) -> dict[str, str]:
    """
    Compare released files with their hashes, those of one prompt or all; return the hashes by path.

    Raises:
        PromptEdited: A released file was changed, or is gone.
    """
    released = {
        path: digest for path, digest in frozen(root).items() if name is None or path.startswith(f"{name}/")
    }
    for path, digest in released.items():
        if not (root / path).is_file():
            raise PromptEdited(f"{path} was released and is gone. Restore it: calls in the ledger name it.")
        if digest_of(root / path) != digest:
            raise PromptEdited(
                f"{path} was edited after its release. Released versions do not change: restore it, and write "
                f"{_following(path)}."
            )
    return released


def freeze(root: Path = PROMPTS) -> list[str]:
    """
    Add the hashes of all approved versions that have none yet, and of their answer schemas; return their paths.

    Raises:
        PromptEdited: A released file was changed, or is gone.  Nothing is added.
        PromptUnusable: A version is not what a prompt has to be.  Nothing is added.
    """
    from plumbline.core.prompts.loading import load_prompt, prompt_names, versions

    released = verify_released(root)
    new: dict[str, str] = {}
    for name in prompt_names(root):
        for version in versions(name, root=root):
            prompt = load_prompt(name, version, root=root)
            if not prompt.approved_by:
                continue
            paths = [f"{name}/{version}.md", *([f"{name}/{prompt.answer}"] if prompt.answer else [])]
            new |= {path: digest_of(root / path) for path in paths if path not in released}
    if new:
        lines = [f"{digest}  {path}\n" for path, digest in [*released.items(), *sorted(new.items())]]
        _write(root / _LIST, "".join(lines))
    return sorted(new)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal, as `sha256sum` prints it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, text: str) -> None:
    """Replace the file whole: half a list would unfreeze what it lost."""
    draft = path.with_suffix(".new")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def _following(path: str) -> str:
    found = re.search(r"/v([0-9]{1,6})\.", path)
    return f"v{int(found[1]) + 1}" if found else "the next version"
