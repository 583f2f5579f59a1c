-- Every answer of the last month names the settled call that bought it.
-- severity: block
select answer.key, answer.call_id
from ledger.answer
left join ledger.call on call.call_id = answer.call_id and call.at = answer.call_at and call.state = 'settled'
where answer.bought_at > now() - interval '1 month' and call.call_id is null
