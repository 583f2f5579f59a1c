-- Keep answers in words, or what the moderation said.
insert into ledger.answer (key, tenant, use, model, call_id, call_at, tokens, body, outcome, mended, expires_at)
select
    bought.key, %(tenant)s, bought.use, %(model)s, bought.call_id, bought.called_at, bought.tokens, bought.body::jsonb,
    bought.outcome, bought.mended, now() + make_interval(secs => bought.lives)
from unnest(
    %(keys)s::bytea[], %(uses)s::text[], %(call_ids)s::uuid[], %(called_at)s::timestamptz[], %(tokens)s::integer[],
    %(bodies)s::text[], %(outcomes)s::text[], %(mended)s::boolean[], %(lives)s::double precision[]
) as bought (key, use, call_id, called_at, tokens, body, outcome, mended, lives)
on conflict (key) do nothing
