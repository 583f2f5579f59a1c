-- The documents that become searchable.
insert into corpus.document (
    document_id, tenant, source_id, path, version_id, source_sha256, pipeline, kind, title, language, bytes, metadata
)
select document_id, tenant, source_id, path, version_id, source_sha256, pipeline, kind, title, language, bytes, metadata
from corpus.staged_document
where source_id = %(source_id)s
on conflict (document_id) do update
set version_id = excluded.version_id, source_sha256 = excluded.source_sha256, pipeline = excluded.pipeline, kind = excluded.kind,
    title = excluded.title, language = excluded.language, bytes = excluded.bytes, metadata = excluded.metadata,
    published_at = now()
