-- The day or month of budgets has begun.
insert into ledger.budget_period (tenant, scope, name, period, starts_on, budget_id, cap_usd)
select tenant, scope, name, period, date_trunc(period, %(day)s::date::timestamp)::date, budget_id, cap_usd
from ledger.budget
where budget_id = any(%(budgets)s)
order by budget_id
on conflict (tenant, scope, name, period, starts_on) do nothing
