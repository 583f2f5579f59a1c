-- Calls one by one at an endpoint that may have been billed, and those under way; `alive`: somebody is at work on it.
select
    call.call_id, call.at, call.state, call.route, call.model, call.tokens_planned, call.tokens_out_planned,
    call.state = 'sent' and ledger.holder_lives(intent.holder) as alive
from ledger.intent
join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
where call.endpoint = %(endpoint)s and call.state in ('sent', 'unknown')
order by call.at, call.call_id
