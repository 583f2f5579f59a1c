-- Documents that are prepared.
copy incoming_document (
    document_id, tenant, source_id, path, version_id, source_sha256, text_sha256, text, title, language, pages, kind, bytes,
    metadata, pipeline, index_id
) from stdin (format binary)
