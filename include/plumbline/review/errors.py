"""
What may be wrong with a question, or with a decision about it.

    Fatal
    ├── NotInTheRules    a kind, reason, urgency or decision that rules.toml does not know
    ├── NoSuchItem       no item has this id, or several begin so
    ├── AlreadyEnded     the item was decided or withdrawn; says by whom and when
    ├── AtSomebodyElse   somebody else is at it
    └── Unsaid           a name or a text that is needed is empty, or too long
"""

from __future__ import annotations

from plumbline.core.errors import Fatal


class NotInTheRules(Fatal):
    """The rules know no such kind, reason, urgency or decision; the message says which they know."""


class NoSuchItem(Fatal):
    """No item has this id, or several begin so."""


class AlreadyEnded(Fatal):
    """The item was decided or withdrawn before; the message says by whom and when."""


class AtSomebodyElse(Fatal):
    """Somebody else is at the item."""


class Unsaid(Fatal):
    """A name or a text that is needed is empty, or too long."""
