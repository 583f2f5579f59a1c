-- The chunks of a document are numbered from 0 without a hole.
-- severity: block
select file.document_id
from corpus.ingestion_file as file
left join corpus.chunk on chunk.document_id = file.document_id
where file.ingestion_id = %(ingestion_id)s and file.action = 'store'
group by file.document_id
having count(chunk.chunk_id) = 0 or min(chunk.ordinal) <> 0 or max(chunk.ordinal) <> count(chunk.chunk_id) - 1
