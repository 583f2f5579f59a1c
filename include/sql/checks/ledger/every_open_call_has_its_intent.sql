-- Every call that has not ended has the intent, or the line of a batch, that says what it would buy.
-- severity: block
select call.call_id
from ledger.call
left join ledger.intent on intent.call_id = call.call_id
left join ledger.batch_line as line on line.batch_id::text = call.batch_id and line.call_id = call.call_id
where call.state in ('reserved', 'sent', 'unknown') and intent.call_id is null and line.call_id is null
