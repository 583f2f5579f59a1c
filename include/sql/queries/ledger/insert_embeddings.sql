-- Keep the embeddings that a call has bought.
insert into ledger.answer (key, tenant, use, model, call_id, call_at, tokens, vector, expires_at)
select
    bought.key, %(tenant)s, %(use)s, %(model)s, %(call_id)s, %(call_at)s, bought.tokens, bought.vector,
    now() + %(lifetime)s::interval
from unnest(%(keys)s::bytea[], %(tokens)s::integer[], %(vectors)s) as bought (key, tokens, vector)
on conflict (key) do nothing
