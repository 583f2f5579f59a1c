-- A budget has refused a call: the first time in its period.
insert into ledger.budget_event (period_id, event, threshold, tenant, spent_usd, cap_usd)
select period.period_id, 'refused', 1, period.tenant, period.spent_usd, period.cap_usd
from ledger.budget
join ledger.budget_period as period
    on period.tenant = budget.tenant
    and period.scope = budget.scope
    and period.name = budget.name
    and period.period = budget.period
    and period.starts_on = %(starts_on)s
where budget.budget_id = %(budget)s
on conflict (period_id, event, threshold) do nothing
