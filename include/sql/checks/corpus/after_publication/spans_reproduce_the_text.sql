-- Every span, cut out of the text of its version, is the text of the chunk.
-- severity: block
-- A version's text is unpacked once a document: unpacked once a chunk, this check took three times as long.
select chunk.chunk_id, chunk.document_id
from corpus.ingestion_file as file
join corpus.document on document.document_id = file.document_id
join lateral (
    select version.text || '' as text from corpus.document_version as version where version.version_id = document.version_id offset 0
) as version on true
join corpus.chunk on chunk.document_id = document.document_id
where file.ingestion_id = %(ingestion_id)s
    and file.action = 'store'
    and (
        substr(version.text, chunk.span_start + 1, chunk.span_end - chunk.span_start) is distinct from chunk.text
        -- A span that reaches past the end of the text is cut off there and would pass.
        or chunk.span_end - chunk.span_start <> char_length(chunk.text)
    )
