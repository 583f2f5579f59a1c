-- Give chunks that were published before their vectors in an index in the making.
insert into {embedding} (chunk_id, tenant, answer_key, embedding)
select wanted.chunk_id, answer.tenant, answer.key, answer.vector
from unnest(%(chunk_ids)s::uuid[], %(keys)s::bytea[]) as wanted (chunk_id, key)
join ledger.answer on answer.key = wanted.key
join corpus.chunk on chunk.chunk_id = wanted.chunk_id
on conflict (chunk_id) do nothing
