-- What this publication does to each document; asked before it does it.
insert into corpus.document_event (ingestion_id, document_id, tenant, source_id, path, event, version_id, run_id)
select
    %(ingestion_id)s, staged.document_id, staged.tenant, staged.source_id, staged.path,
    case
        when document.document_id is null then 'added'
        when document.source_sha256 = staged.source_sha256 and version.text_sha256 = staged.text_sha256 then 'reread'
        else 'changed'
    end,
    staged.version_id, %(run_id)s
from corpus.staged_document as staged
left join corpus.document on document.document_id = staged.document_id
left join corpus.document_version as version on version.version_id = document.version_id
where staged.source_id = %(source_id)s
union all
select %(ingestion_id)s, document.document_id, document.tenant, document.source_id, document.path, 'removed', null, %(run_id)s
from corpus.ingestion_file as file
join corpus.document on document.document_id = file.document_id
where file.ingestion_id = %(ingestion_id)s and file.action = 'remove'
