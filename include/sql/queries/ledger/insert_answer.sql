-- Keep an answer in words, or what the moderation said.
insert into ledger.answer (key, tenant, use, model, call_id, call_at, tokens, body, outcome, mended, expires_at)
values (
    %(key)s, %(tenant)s, %(use)s, %(model)s, %(call_id)s, %(call_at)s, %(tokens)s, %(body)s, %(outcome)s, %(mended)s,
    now() + %(lifetime)s::interval
)
on conflict (key) do nothing
