-- Some documents, by source and path.
select
    document.document_id, source.name as source, document.path, document.title, document.kind, document.bytes,
    document.first_published_at, document.published_at
from corpus.document
join corpus.source on source.source_id = document.source_id
where document.document_id = any(%(document_ids)s)
order by source.name, document.path
