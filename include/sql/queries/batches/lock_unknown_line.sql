-- A line of a batch that a person may decide about, held until the decision is written.
select
    line.batch_id, line.call_id, call.at, call.tokens_planned as tokens, call.tokens_out_planned as tokens_out,
    call.cost_planned_usd as cost_usd
from ledger.batch_line as line
join ledger.batch on batch.batch_id = line.batch_id
join ledger.call on call.call_id = line.call_id and call.at = batch.called_at
where line.call_id = %(call_id)s and line.left_as = 'unknown' and call.state = 'unknown'
for update of line
