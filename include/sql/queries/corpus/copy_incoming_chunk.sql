-- Chunks of prepared documents.
copy incoming_chunk (
    document_id, ordinal, tenant, chunk_id, span_start, span_end, page, heading_path, language, tokens, text, text_sha256,
    answer_key, length, terms, last_page, flags
) from stdin (format binary)
