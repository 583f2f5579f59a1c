-- No document of the source is staged without being planned.
-- severity: block
select staged.document_id
from corpus.staged_document as staged
left join corpus.ingestion_file as file
    on file.ingestion_id = %(ingestion_id)s
    and file.document_id = staged.document_id
    and file.action = 'store'
where staged.source_id = (select source_id from corpus.ingestion where ingestion_id = %(ingestion_id)s) and file.document_id is null
