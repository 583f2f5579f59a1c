"""
What may be wrong with a question, or with a decision about it.

    Fatal
    ├── NotInTheRules    a kind, reason, urgency or decision that rules.toml does not know
    ├── NoSuchItem       no item has this id, or several begin so
    ├── AlreadyEnded     the item was decided or withdrawn; says by whom and when
    ├── AtSomebodyElse   somebody else is at it
    ├── Unsaid           a name or a text that is needed is empty, or too long
    ├── DecidedElsewhere it is answered where it was asked, and not here
    ├── InputFlagged     a text is not sent to a model: by rule, or because a person said so
    └── InputHeld        a text is not sent to a model before a person has decided
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

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


class DecidedElsewhere(Fatal):
    """The item is answered where it was asked; the message says where.  Nothing was decided."""


class InputFlagged(Fatal):
    """A text was not sent: a rule, or a person, blocks it.  `categories` are those that moderation flagged."""

    def __init__(self, use: str, categories: Sequence[str]) -> None:
        self.use = use
        self.categories = tuple(categories)
        flagged = (
            f"moderation flagged {', '.join(categories)}" if categories else "moderation flagged nothing"
        )
        super().__init__(f"A text for {use} was not sent to a model: it is blocked ({flagged}).")


class InputHeld(Fatal):
    """A text was not sent: a person decides first, in `items`.  After `allow`, the same text passes."""

    def __init__(self, use: str, items: Sequence[uuid.UUID]) -> None:
        self.use = use
        self.items = tuple(items)
        super().__init__(
            f"A text for {use} was not sent to a model: a person decides first "
            f"(`plumbline review show {self.items[0].hex[:8]}`). After `allow`, start the same again."
        )
