-- Files that could not be taken in.
insert into corpus.refused_document (
    source_id, path, tenant, ingestion_id, sha256, bytes, code, reason, pipeline, still_published
)
select
    %(source_id)s, file.path, file.tenant, file.ingestion_id, file.sha256, file.bytes, file.reason_code, file.reason, %(pipeline)s,
    document.document_id is not null
from corpus.ingestion_file as file
left join corpus.document on document.document_id = file.document_id
where file.ingestion_id = %(ingestion_id)s and file.action = 'refuse'
on conflict (source_id, path) do update
set ingestion_id = excluded.ingestion_id, sha256 = excluded.sha256, bytes = excluded.bytes, code = excluded.code,
    reason = excluded.reason, pipeline = excluded.pipeline, still_published = excluded.still_published, last_refused_at = now(),
    tried_at = case
        when refused_document.sha256 is not distinct from excluded.sha256
            and refused_document.pipeline = excluded.pipeline
            and refused_document.tried_at > now() - interval '1 day'
        then refused_document.tried_at
        else now()
    end
