-- Calls of others, or left open by this run, that are buying some of these keys or were when they were cut off.
-- Without ledger.call, whose months take longer to plan than all the rest: nearly always there are no such calls.
select
    intent.call_id, intent.call_at, intent.use, intent.endpoint, intent.dimensions, intent.tokens, intent.keys,
    ledger.holder_lives(intent.holder) as alive, wanted.keys as wanted_keys
from ledger.intent
cross join lateral (
    select array_agg(key) as keys from unnest(intent.keys) as taken (key) where key = any(%(keys)s)
) as wanted
where intent.model = %(model)s
    and (intent.holder <> %(holder)s or intent.call_id = any(%(left_open)s))
    and wanted.keys is not null
