-- The versions of the documents with this path, or of the one with this id, newest first.
select
    source.name as source, version.document_id, version.version_id, version.path, version.source_sha256, version.text_sha256,
    version.published_at, version.superseded_at, version.removed_at, version.code_version, run.dag_run_id,
    version.text is not null as kept
from corpus.document_version as version
join corpus.source on source.source_id = version.source_id
left join lineage.run on run.run_id = version.run_id
where (version.path = %(path)s or version.document_id = %(document_id)s)
    and (%(source)s::text is null or source.name = %(source)s)
order by source.name, version.document_id, version.published_at desc
