"""Lines on their way into the parts of a plan: placed while they come, and written page by page."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.core.arrays import bytea_array, integer_array
from plumbline.models.batches.lines import Line, Part, written
from plumbline.models.endpoints import Endpoint
from plumbline.models.errors import InputRefused

if TYPE_CHECKING:
    from plumbline.core.db import Session

# The arrays are in binary form already: as `bytea`, the driver hands them over as they are.
_COLUMNS = ("uuid", "uuid", "text", "bytea", "bytea", "int4", "bytea", "uuid", "text", "text")


@dataclass(slots=True)
class Packing:
    """
    Parts of a plan at an endpoint, as they fill; `worst` says what a part can cost at most, in US dollars.

    `after`: how many parts the plan has already.  `parent`: the batch whose lines these take up again.
    """

    tenant: str
    plan_id: uuid.UUID
    endpoint: Endpoint
    route: str
    worst: Callable[[Part], Decimal]
    after: int = 0
    parent: uuid.UUID | None = None
    parts: list[Part] = field(default_factory=list)

    def require_room(self, line: Line) -> None:
        """
        Hold a line to what a batch may be.

        Raises:
            InputRefused: It is longer.
        """
        size, most = self._size(line), self.endpoint.batches.bytes
        if size > most:
            raise InputRefused(f"A request of {size} bytes is longer than a batch may be ({most}).")

    def write(self, session: Session, lines: Sequence[Line]) -> None:
        """
        Write lines, with the claims of their keys, into the last part, or into new ones when that is full.

        Raises:
            InputRefused: A line is longer than a batch may be.
        """
        if not lines:
            return
        for line in lines:
            self.require_room(line)
        first = max(len(self.parts), 1)
        placed = [(self._place(line), line) for line in lines]
        for part in self.parts[first - 1 :]:
            self._write_part(session, part)
        db.run(session, "batches/create_incoming")
        with session.cursor().copy(db.query("batches/copy_incoming")) as copy:
            copy.set_types(_COLUMNS)
            for batch_id, line in placed:
                copy.write_row(
                    (
                        batch_id,
                        line.call_id,
                        self.tenant,
                        bytes(bytea_array(line.keys)),
                        bytes(integer_array(line.tokens)),
                        line.tokens_out,
                        line.request,
                        line.mends,
                        line.user,
                        line.session,
                    )
                )
        db.run(session, "batches/insert_lines")

    def _place(self, line: Line) -> uuid.UUID:
        size, limits = self._size(line), self.endpoint.batches
        enqueued = limits.enqueued_tokens.get(self.endpoint.model)
        if not self.parts or not self.parts[-1].takes(line, size, limits, enqueued):
            self.parts.append(Part(self.after + len(self.parts) + 1))
        part = self.parts[-1]
        part.add(line, size)
        return part.batch_id

    def _size(self, line: Line) -> int:
        return len(written(line.call_id, self.route, line.request))

    def _write_part(self, session: Session, part: Part) -> None:
        db.run(
            session,
            "batches/upsert_batch",
            batch_id=part.batch_id,
            plan_id=self.plan_id,
            tenant=self.tenant,
            part=part.number,
            attempt=1,
            parent=self.parent,
            lines=part.lines,
            inputs=part.inputs,
            bytes=part.bytes,
            tokens=part.tokens,
            tokens_out=part.tokens_out,
            cost_usd=self.worst(part),
        )
