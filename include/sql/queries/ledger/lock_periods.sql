-- These periods of budgets, held for the rest of the transaction, in the order that all keep.
select period_id
from ledger.budget_period
where period_id = any(%(periods)s)
order by period_id
for no key update
