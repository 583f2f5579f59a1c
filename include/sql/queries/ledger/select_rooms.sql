-- How periods of budgets stand, leases included: what they may spend, have spent, have reserved and hold unused in
-- leases; and whether it is on record that they have refused a call.
select
    period.period_id, period.budget_id, period.scope, period.name, period.period, period.starts_on, period.cap_usd,
    period.cap_usd - period.spent_usd - period.leased_usd as room_usd,
    period.spent_usd + drawn.spent_usd as spent_usd,
    period.leased_usd - drawn.spent_usd as reserved_usd,
    drawn.unused_usd,
    exists (
        select from ledger.budget_event
        where budget_event.period_id = period.period_id and budget_event.event = 'refused'
    ) as noted
from ledger.budget_period as period
cross join lateral (
    select
        coalesce(sum(spent_usd), 0) as spent_usd, coalesce(sum(granted_usd - open_usd - spent_usd), 0) as unused_usd
    from ledger.lease
    where lease.period_id = period.period_id
) as drawn
where period.period_id = any(%(periods)s)
order by period.period_id
