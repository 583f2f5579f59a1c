"""What the substitutions of a reStructuredText file come to, before any is made: a few lines can ask for gigabytes."""

from __future__ import annotations

from typing import Any

from plumbline.corpus.extraction.model import Unreadable

_COPIED_AT_MOST = 100_000
_DEEPEST = 20


def demand_small(tree: Any) -> None:
    """
    Hold what a tree of docutils asks to be copied to what a document needs.

    Raises:
        Unreadable: It would come to too much, or its substitutions are nested too deep or in a circle (`oversized`).
    """
    from docutils import nodes

    if not tree.substitution_defs:  # as in most files; a look at every node would take a fifth of the reading
        return
    weights: dict[str, int] = {}
    asked = tree.findall(nodes.substitution_reference)
    if sum(_weight(tree, _name(one), weights, 0) for one in asked) > _COPIED_AT_MOST:
        raise Unreadable(
            "oversized",
            f"The substitutions of the file come to more than {_COPIED_AT_MOST:,} pieces of text.",
        )


def _weight(tree: Any, name: str, weights: dict[str, int], depth: int) -> int:
    """How many nodes take the place of a reference."""
    from docutils import nodes

    definition = tree.substitution_defs.get(tree.substitution_names.get(name, name))
    if definition is None:
        return 0
    if depth > _DEEPEST:
        raise Unreadable(
            "oversized",
            f"The substitutions of the file are nested more than {_DEEPEST} deep, or in a circle.",
        )
    if name not in weights:
        weights[name] = sum(
            1 + (_weight(tree, _name(one), weights, depth + 1) if _is_reference(one) else 0)
            for one in definition.findall(nodes.Node)
        )
    return weights[name]


def _is_reference(node: Any) -> bool:
    return type(node).__name__ == "substitution_reference"


def _name(reference: Any) -> str:
    return str(reference["refname"]).lower()
