-- Let the planner know what this transaction has written.
analyze
    corpus.document (document_id, source_id, version_id),
    corpus.document_version (version_id, document_id),
    corpus.chunk (chunk_id, document_id, version_id, answer_key),
    corpus.chunk_terms (chunk_id, tenant),
    {embedding} (chunk_id, answer_key)
