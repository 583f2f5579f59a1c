-- The day or month of these budgets, held for the rest of the transaction.  Whoever holds several takes them in this
-- order, and periods before leases.
select period.period_id
from ledger.budget
join ledger.budget_period as period
    on period.tenant = budget.tenant
    and period.scope = budget.scope
    and period.name = budget.name
    and period.period = budget.period
    and period.starts_on = date_trunc(budget.period, %(day)s::date::timestamp)::date
where budget.budget_id = any(%(budgets)s)
order by period.period_id
for no key update of period
