-- What is in: documents by source and path, after a place in that order, a page of them.
select
    source.name as source, document.path, document.document_id, document.version_id, document.title, document.kind,
    document.language, document.bytes, document.first_published_at, document.published_at, document.metadata,
    (select count(*) from corpus.chunk where chunk.document_id = document.document_id) as chunks,
    array(
        select distinct unnest(chunk.flags) from corpus.chunk
        where chunk.tenant = document.tenant and chunk.document_id = document.document_id and chunk.flags <> '{}'
        order by 1
    ) as flags
from corpus.document
join corpus.source on source.source_id = document.source_id
where (%(source)s::text is null or source.name = %(source)s)
    and (%(path)s::text is null or starts_with(document.path, %(path)s))
    and (%(kind)s::text is null or document.kind = %(kind)s)
    and (not %(flagged)s or exists (
        select from corpus.chunk
        where chunk.tenant = document.tenant and chunk.document_id = document.document_id and chunk.flags <> '{}'
    ))
    and (source.name, document.path) > (%(after_source)s, %(after_path)s)
order by source.name, document.path
limit %(page)s
