-- Every intent belongs to a call that has not ended.
-- severity: block
select intent.call_id
from ledger.intent
left join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
where call.state is distinct from 'sent' and call.state is distinct from 'unknown'
