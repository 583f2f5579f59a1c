-- Vectors of the chunks that are new to the index, or of which something else is sent to the model than before.
insert into {embedding} as kept (chunk_id, tenant, answer_key, embedding)
select staged.chunk_id, staged.tenant, answer.key, answer.vector
from corpus.staged_chunk as staged
join corpus.staged_document as document on document.document_id = staged.document_id
join ledger.answer on answer.key = staged.answer_key
where document.source_id = %(source_id)s
on conflict (chunk_id) do update
set answer_key = excluded.answer_key, embedding = excluded.embedding
where kept.answer_key <> excluded.answer_key
