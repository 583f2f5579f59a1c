-- Keys of a model that calls in doubt hold, single ones and lines of batches: nobody buys them until that is decided.
select unnest(intent.keys) as key
from ledger.intent
join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
where intent.model = %(model)s
    and (call.state = 'unknown' or (call.state = 'sent' and not ledger.holder_lives(intent.holder)))
union all
select unnest(line.keys) as key
from ledger.batch_line as line
join ledger.batch on batch.batch_id = line.batch_id
join ledger.batch_plan as plan on plan.plan_id = batch.plan_id
where line.left_as = 'unknown' and plan.model = %(model)s
