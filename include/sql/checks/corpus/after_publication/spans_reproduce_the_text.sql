-- Every span, cut out of the text of its version, is the text of the chunk.
-- severity: block
select chunk_id, document_id from corpus.misplaced_chunks(%(ingestion_id)s)
