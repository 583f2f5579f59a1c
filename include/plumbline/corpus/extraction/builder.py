"""
Lay blocks out as one text, and note where each of them lies.

Most formats have no text of their own to point into, so theirs is written here, in the manner of Markdown: blank lines
between blocks, `#` before headings, `-` before items, `|` between cells.
"""

from __future__ import annotations

from plumbline.corpus.extraction.model import BlockKind, Part, too_long
from plumbline.corpus.extraction.text import shorten, tidy

_TIGHT = ("list_item", "list_item")


class Builder:
    """A text that grows block by block."""

    def __init__(self, at_most: int) -> None:
        self.parts: list[Part] = []
        self._pieces: list[str] = []
        self._length = 0
        self._at_most = at_most

    @property
    def text(self) -> str:
        """Everything that has been added."""
        return "".join(self._pieces)

    @property
    def first_heading(self) -> str | None:
        """The title of the first heading that says something."""
        return next((part.title for part in self.parts if part.kind == "heading" and part.title), None)

    def add_heading(self, said: str, level: int, *, page: int | None = None) -> None:
        """Add a heading of this level, 6 at most, on one line."""
        level = min(level, 6)
        self.add(" ".join(said.split()), "heading", level=level, page=page, mark="#" * level + " ")

    def add(
        self, said: str, kind: BlockKind, *, level: int = 0, page: int | None = None, mark: str = ""
    ) -> None:
        """
        Add one block; one that says nothing is passed over.

        Raises:
            Unreadable: The text has become too long (`oversized`).
        """
        said = tidy(said).strip("\n")
        if not said or said.isspace():
            return
        title = shorten(said) if kind == "heading" else None
        if mark:
            said = mark + said
        gap = ""
        if self.parts:
            gap = "\n" if (self.parts[-1].kind, kind) == _TIGHT else "\n\n"
        start = self._length + len(gap)
        self._length = start + len(said)
        if self._length > self._at_most:
            raise too_long(self._at_most)
        self._pieces += (gap, said)
        self.parts.append(Part(start, self._length, kind, level, page, title))
