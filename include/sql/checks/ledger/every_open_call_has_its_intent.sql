-- Every call that has not ended has the intent that says what it would buy.
-- severity: block
select call.call_id
from ledger.call
left join ledger.intent on intent.call_id = call.call_id
where call.state in ('sent', 'unknown') and intent.call_id is null
