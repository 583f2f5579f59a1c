-- Calls to a model at an endpoint that were sent by a process that is gone, and have not ended.
select
    intent.call_id, intent.call_at, intent.use, intent.endpoint, intent.dimensions, intent.keys, intent.tokens,
    call.state, call.tokens_planned, call.tokens_out_planned, call.cost_planned_usd, call.usd_per_million_in,
    call.usd_per_million_out, call.usd_per_million_cached, call.mends
from ledger.intent
join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
where intent.endpoint = %(endpoint)s
    and intent.model = %(model)s
    and call.state = 'sent'
    and not ledger.holder_lives(intent.holder)
order by intent.call_at
