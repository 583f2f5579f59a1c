-- Every chunk belongs to the version of its document that is in force.
-- severity: block
select chunk.chunk_id, chunk.document_id
from corpus.chunk
join corpus.document on document.document_id = chunk.document_id
where chunk.version_id <> document.version_id
