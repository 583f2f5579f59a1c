-- Every chunk belongs to the version of its document that is in force.
-- severity: block
select chunk.chunk_id, chunk.document_id
from corpus.ingestion_file as file
join corpus.document on document.document_id = file.document_id
join corpus.chunk on chunk.document_id = document.document_id
where file.ingestion_id = %(ingestion_id)s and file.action = 'store' and chunk.version_id <> document.version_id
