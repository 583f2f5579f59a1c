-- The budgets that apply to a call, and the call drawn on the leases of its process in all of them, or in none.  The
-- leases are taken in the order that all keep.
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
mine as (
    select lease.period_id, lease.granted_usd - lease.open_usd - lease.spent_usd >= %(cost_usd)s as enough
    from ledger.lease
    join applying on applying.period_id = lease.period_id
    where lease.holder = %(holder)s
    order by lease.period_id
    for update of lease
),
enough as (
    select count(*) filter (where mine.enough) = count(*) as everywhere
    from applying
    left join mine on mine.period_id = applying.period_id
),
drawn as (
    update ledger.lease set open_usd = lease.open_usd + %(cost_usd)s
    from mine, enough
    where lease.period_id = mine.period_id and lease.holder = %(holder)s and enough.everywhere
    returning lease.period_id
)
select applying.budget_id, applying.period_id, drawn.period_id is not null as drawn
from applying
left join drawn on drawn.period_id = applying.period_id
order by applying.period_id
