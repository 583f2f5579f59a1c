-- Chunks of the staged documents; one whose text is as before keeps its id, its words and its vector. Returns how many of each.
with written as (
    insert into corpus.chunk (
        chunk_id, tenant, document_id, version_id, ordinal, span_start, span_end, page, heading_path, language, tokens, text,
        text_sha256, answer_key, last_page, flags
    )
    select
        staged.chunk_id, staged.tenant, staged.document_id, document.version_id, staged.ordinal, staged.span_start, staged.span_end,
        staged.page, staged.heading_path, staged.language, staged.tokens, staged.text, staged.text_sha256, staged.answer_key,
        staged.last_page, staged.flags
    from corpus.staged_chunk as staged
    join corpus.staged_document as document on document.document_id = staged.document_id
    where document.source_id = %(source_id)s
    on conflict (chunk_id) do update
    set version_id = excluded.version_id, ordinal = excluded.ordinal, span_start = excluded.span_start, span_end = excluded.span_end,
        page = excluded.page, heading_path = excluded.heading_path, language = excluded.language, tokens = excluded.tokens, answer_key = excluded.answer_key,
        last_page = excluded.last_page, flags = excluded.flags
    returning (xmax = 0) as added
)
select count(*) filter (where added) as added, count(*) filter (where not added) as kept from written
