-- How periods of budgets stand: what they may spend, have spent and have leased.
select period_id, budget_id, scope, name, period, starts_on, cap_usd, spent_usd, leased_usd
from ledger.budget_period
where period_id = any(%(periods)s)
order by period_id
