-- The chunks of a document are numbered from 0 without a hole.
-- severity: block
select document.document_id
from corpus.document
left join corpus.chunk on chunk.document_id = document.document_id
group by document.document_id
having count(chunk.chunk_id) = 0 or min(chunk.ordinal) <> 0 or max(chunk.ordinal) <> count(chunk.chunk_id) - 1
