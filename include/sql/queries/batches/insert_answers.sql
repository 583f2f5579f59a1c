-- Keep answers in words, or what the moderation said.
insert into ledger.answer (key, tenant, use, model, call_id, call_at, tokens, body, outcome, mended, expires_at)
select
    bought.key, %(tenant)s, %(use)s, %(model)s, bought.call_id, %(called_at)s, bought.tokens, bought.body::jsonb,
    bought.outcome, bought.mended, now() + make_interval(secs => bought.lives)
from unnest(
    %(keys)s::bytea[], %(call_ids)s::uuid[], %(tokens)s::integer[], %(bodies)s::text[], %(outcomes)s::text[],
    %(mended)s::boolean[], %(lives)s::double precision[]
) as bought (key, call_id, tokens, body, outcome, mended, lives)
on conflict (key) do nothing
