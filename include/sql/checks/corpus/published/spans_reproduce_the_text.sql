-- Every span, cut out of the text of its version, is the text of the chunk.
-- severity: block
select chunk.chunk_id, chunk.document_id
from corpus.document
join lateral (
    select version.text || '' as text from corpus.document_version as version where version.version_id = document.version_id offset 0
) as version on true
join corpus.chunk on chunk.document_id = document.document_id
where substr(version.text, chunk.span_start + 1, chunk.span_end - chunk.span_start) is distinct from chunk.text
    -- A span that reaches past the end of the text is cut off there and would pass.
    or chunk.span_end - chunk.span_start <> char_length(chunk.text)
