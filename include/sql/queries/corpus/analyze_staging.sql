-- Let the planner know what was staged a moment ago; statistics of words would cost more than they help.
-- From a tenth of the usual sample: what matters is how many there are, and that ids are distinct.
set local default_statistics_target = 10;
analyze
    corpus.staged_document (document_id, source_id),
    corpus.staged_chunk (document_id, chunk_id, answer_key),
    corpus.ingestion_file (ingestion_id, document_id, action)
