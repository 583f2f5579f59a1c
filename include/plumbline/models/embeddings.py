"""The service of embeddings: several texts a request, one vector an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from plumbline.core import db
from plumbline.core.arrays import bytea_array, halfvec_array, integer_array
from plumbline.models import wire
from plumbline.models.calls import Billed, Call
from plumbline.models.endpoints import Endpoint
from plumbline.models.requests import Input
from plumbline.models.uses import lifetime

if TYPE_CHECKING:
    from plumbline.core.db import Session
    from plumbline.models.sessions import HeldSession


class Embedding:
    """How embeddings are asked for, read and kept."""

    path = "/embeddings"

    def __init__(self, endpoint: Endpoint, tenant: str, held: HeldSession) -> None:
        self.dimensions: int | None = endpoint.dimensions
        self._endpoint, self._tenant, self._held = endpoint, tenant, held

    @staticmethod
    def parameters(endpoint: Endpoint) -> dict[str, object]:
        """Return what belongs to the keys of the answers besides model and text."""
        return {"dimensions": endpoint.dimensions}

    def body(self, inputs: Sequence[Input]) -> bytes:
        """Return the request."""
        fewer = self._endpoint.dimensions if self._endpoint.shortened else None
        return wire.embeddings_body(self._endpoint.model, [item.text for item in inputs], fewer)

    def read(self, call: Call, content: bytes) -> wire.Embeddings:
        """Return the vectors in the order of the inputs."""
        return wire.read_embeddings(
            content,
            inputs=len(call.keys),
            dimensions=call.dimensions or 0,
            answers_as=self._endpoint.answers_as,
        )

    def billed(self, content: bytes) -> Billed:
        """Return what an answer bills, as far as it says."""
        return Billed(wire.billed_tokens(content))

    def keep(self, session: Session, bought: Sequence[tuple[Call, wire.Embeddings]]) -> None:
        """Write the vectors, one a key; call by call, for all of a page at once would be megabytes more in memory."""
        for call, embeddings in bought:
            self._keep(session, call, embeddings)

    def _keep(self, session: Session, call: Call, bought: wire.Embeddings) -> None:
        lives = lifetime(call.use)
        if lives is not None:
            db.run(session, "ledger/delete_expired_answers", keys=bytea_array(call.keys))
        vectors = wire.halfvecs(bought.vectors)
        db.run(
            session,
            "ledger/insert_embeddings",
            tenant=self._tenant,
            use=call.use,
            model=self._endpoint.model,
            call_id=call.call_id,
            call_at=call.at,
            lifetime=lives,
            keys=bytea_array(call.keys),
            tokens=integer_array(call.tokens),
            vectors=halfvec_array(vectors, len(bought.vectors), self._held.vector_oid),
        )
