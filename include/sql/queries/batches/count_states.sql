-- How the calls of a batch stand.
select state, count(*) as calls, coalesce(sum(cost_usd), 0) as cost_usd
from ledger.call
where batch_id = %(batch_id)s::text and at = %(called_at)s
group by state
