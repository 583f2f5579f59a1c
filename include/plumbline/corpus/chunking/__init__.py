"""
Documents become chunks: the pieces that are embedded, found and cited.

- `text[chunk.start:chunk.end]` is the chunk, exactly; chunks never overlap, are never blank, and together hold every
  character of the document that is not white space.
- No chunk has more than `max_tokens` tokens, and `tokens` is the provider's exact count, because it becomes a price.
- Where a chunk ends depends on what stands near that place, never on a count from the top.  An edit changes the
  chunks it touches, sometimes a neighbour, and no other; everything else keeps its text, its id and its vector.
- The same document gives the same chunks on every machine.
"""

from __future__ import annotations

from plumbline.corpus.chunking.chunks import MAX_TOKENS, SECTION_TOKENS, Chunk, chunk
from plumbline.corpus.chunking.ids import chunk_ids, document_id

__all__ = ["MAX_TOKENS", "SECTION_TOKENS", "Chunk", "chunk", "chunk_ids", "document_id"]
