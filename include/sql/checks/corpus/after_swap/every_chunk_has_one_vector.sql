-- Every chunk has one vector in the index in force, made from its own text.
-- severity: block
select chunk_id, document_id from corpus.chunks_without_vector()
