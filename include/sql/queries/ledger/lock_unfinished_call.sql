-- One call that a person may decide about, held until the decision is written.
select
    call.at, call.model, call.tokens_planned as tokens, call.tokens_out_planned as tokens_out,
    call.cost_planned_usd as cost_usd, call.usd_per_million_in, call.usd_per_million_cached, call.usd_per_million_out
from ledger.intent
join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
where intent.call_id = %(call_id)s
    and (call.state = 'unknown' or (call.state = 'sent' and not ledger.holder_lives(intent.holder)))
for update of intent
