-- The versions that become searchable.
insert into corpus.document_version (
    version_id, tenant, document_id, source_id, path, source_sha256, text_sha256, text, title, language, pages, pipeline,
    code_version, run_id
)
select
    version_id, tenant, document_id, source_id, path, source_sha256, text_sha256, text, title, language, pages, pipeline,
    %(code_version)s, %(run_id)s
from corpus.staged_document
where source_id = %(source_id)s
on conflict (version_id) do update
set text = excluded.text, text_sha256 = excluded.text_sha256, title = excluded.title, language = excluded.language,
    pages = excluded.pages, removed_at = null, superseded_at = null,
    code_version = excluded.code_version, run_id = excluded.run_id, published_at = now()
