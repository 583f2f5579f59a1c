-- Chunks point at the answers of the index that is in force now.
update corpus.chunk
set answer_key = embedding.answer_key
from {embedding} as embedding
where embedding.chunk_id = chunk.chunk_id and chunk.answer_key <> embedding.answer_key
