-- The day or month of a budget.
select period.period_id
from ledger.budget
join ledger.budget_period as period
    on period.tenant = budget.tenant
    and period.scope = budget.scope
    and period.name = budget.name
    and period.period = budget.period
    and period.starts_on = date_trunc(budget.period, %(day)s::date::timestamp)::date
where budget.budget_id = %(budget)s
