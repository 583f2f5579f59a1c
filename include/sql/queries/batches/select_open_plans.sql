-- Plans of a use that have not ended, oldest first.
select plan_id
from ledger.batch_plan
where state = 'planned' and use = %(use)s and model = %(model)s and endpoint = %(endpoint)s
    and dimensions is not distinct from %(dimensions)s
order by planned_at
