-- Every chunk has one vector in the index in force, made from its own text.
-- severity: block
-- Where this very transaction put a new index into force, all chunks are looked at, not those of the ingestion alone.
select chunk_id, document_id
from corpus.chunks_without_vector(
    case
        when not exists (select from corpus.vector_index where state = 'in_force' and in_force_at = now()) then %(ingestion_id)s::uuid
    end
)
