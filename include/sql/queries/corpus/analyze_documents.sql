-- Let the planner know what this transaction has written.
-- From a tenth of the usual sample: what matters is how many there are, and that ids are distinct.
set local default_statistics_target = 10;
analyze
    corpus.document (document_id, source_id, version_id),
    corpus.document_version (version_id, document_id),
    corpus.chunk (chunk_id, document_id, version_id, answer_key),
    corpus.chunk_terms (chunk_id, tenant),
    {embedding} (chunk_id, answer_key)
