-- Calls of others that are buying some of these keys, or were when they were cut off.
select
    intent.call_id, intent.call_at, intent.use, intent.endpoint, intent.dimensions, intent.tokens,
    call.state, call.tokens_planned, call.cost_planned_usd, call.usd_per_million_in,
    ledger.holder_lives(intent.holder) as alive,
    wanted.keys as wanted_keys, intent.keys
from ledger.intent
join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
cross join lateral (
    select array_agg(key) as keys from unnest(intent.keys) as taken (key) where key = any(%(keys)s)
) as wanted
where intent.model = %(model)s
    and wanted.keys is not null
    and (intent.holder <> %(holder)s or intent.call_id = any(%(adopted)s) or call.state = 'unknown')
