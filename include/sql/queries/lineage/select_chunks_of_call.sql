-- The chunks whose embeddings a call bought.
select chunk.chunk_id as id, document.path || ' #' || chunk.ordinal as name, chunk.text_sha256 as sha256
from ledger.answer
join corpus.chunk on chunk.answer_key = answer.key
join corpus.document on document.document_id = chunk.document_id
where answer.call_id = %(id)s
order by document.path, chunk.ordinal
limit %(most)s
