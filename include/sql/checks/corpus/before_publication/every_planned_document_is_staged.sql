-- Every document that the plan says to store is staged, from the very bytes that were scanned.
-- severity: block
select file.document_id
from corpus.ingestion_file as file
left join corpus.staged_document as staged
    on staged.document_id = file.document_id
    and staged.source_sha256 = file.sha256
where file.ingestion_id = %(ingestion_id)s and file.action = 'store' and staged.document_id is null
