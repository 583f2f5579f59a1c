-- Calls that may have been billed and that nobody is at work on: unknown, or sent by a process that is gone.
select
    call.call_id, call.at, call.state, call.use, call.model, call.endpoint, call.inputs,
    call.tokens_planned as tokens, call.cost_planned_usd as cost_usd,
    call.dag_id, call.dag_run_id, call.task_id, call.error
from ledger.intent
join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
where call.state = 'unknown' or (call.state = 'sent' and not ledger.holder_lives(intent.holder))
order by call.at
