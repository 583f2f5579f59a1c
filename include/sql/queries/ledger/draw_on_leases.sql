-- The budgets that apply to a call, and the call drawn on the leases of its process in all of them, or in none.
with applying as (
    select budget.budget_id, period.period_id
    from ledger.budget
    left join ledger.budget_period as period
        on period.tenant = budget.tenant
        and period.scope = budget.scope
        and period.name = budget.name
        and period.period = budget.period
        and period.starts_on = date_trunc(budget.period, %(day)s::date::timestamp)::date
    where budget.tenant = %(tenant)s
        and budget.valid_until is null
        and (budget.scope, budget.name) in (
            ('everything', ''), ('project', %(project)s), ('team', %(team)s), ('use', %(use)s), ('user', %(user)s)
        )
),
enough as (
    select count(lease.period_id) = count(*) as everywhere
    from applying
    left join ledger.lease
        on lease.period_id = applying.period_id
        and lease.holder = %(holder)s
        and lease.granted_usd - lease.open_usd - lease.spent_usd >= %(cost_usd)s
),
drawn as (
    update ledger.lease set open_usd = lease.open_usd + %(cost_usd)s
    from applying, enough
    where lease.period_id = applying.period_id and lease.holder = %(holder)s and enough.everywhere
    returning lease.period_id
)
select applying.budget_id, applying.period_id, drawn.period_id is not null as drawn
from applying
left join drawn on drawn.period_id = applying.period_id
order by applying.period_id
