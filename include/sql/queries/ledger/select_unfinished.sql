-- Calls that may have been billed and that nobody is at work on: unknown, or sent by a process that is gone.
with doubtful as (
    select call_id, call_at, ledger.holder_lives(holder) as alive from ledger.intent
    union all
    select line.call_id, batch.called_at, true
    from ledger.batch_line as line
    join ledger.batch on batch.batch_id = line.batch_id
    where line.left_as = 'unknown'
)
select
    call.call_id, call.at, call.state, call.use, call.model, call.endpoint, call.inputs,
    call.tokens_planned as tokens, call.cost_planned_usd as cost_usd,
    call.dag_id, call.dag_run_id, call.task_id, call.error, call.batch_id
from doubtful
join ledger.call on call.call_id = doubtful.call_id and call.at = doubtful.call_at
where call.state = 'unknown' or (call.state = 'sent' and not doubtful.alive)
order by call.at, call.call_id
