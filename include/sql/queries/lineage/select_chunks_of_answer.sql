-- The chunks whose embedding an answer is.
select chunk.chunk_id as id, document.path || ' #' || chunk.ordinal as name, chunk.text_sha256 as sha256
from corpus.chunk
join corpus.document on document.document_id = chunk.document_id
where chunk.answer_key = %(key)s
order by document.path, chunk.ordinal
limit %(most)s
