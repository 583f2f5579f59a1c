-- All plans that have not ended, oldest first.
select plan_id
from ledger.batch_plan
where state = 'planned'
order by planned_at, plan_id
