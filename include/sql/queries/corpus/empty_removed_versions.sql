-- Of a document that left its source only fingerprints stay.
update corpus.document_version
set text = null, title = null, removed_at = now()
from corpus.ingestion_file as file
where file.ingestion_id = %(ingestion_id)s
    and file.action = 'remove'
    and document_version.document_id = file.document_id
    and document_version.removed_at is null
