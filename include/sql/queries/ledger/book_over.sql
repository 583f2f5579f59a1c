-- A call has cost more than its worst case: its reservation is given back, and its cost booked, over the cap if need be.
with mine as (
    select period_id from ledger.lease
    where period_id = any(%(periods)s) and holder = %(holder)s
    order by period_id
    for update
),
returned as (
    update ledger.lease
    set open_usd = lease.open_usd - %(reserved_usd)s, granted_usd = lease.granted_usd - %(reserved_usd)s
    from mine
    where lease.period_id = mine.period_id and lease.holder = %(holder)s
)
update ledger.budget_period
set leased_usd = leased_usd - %(reserved_usd)s,
    spent_usd = spent_usd + %(cost_usd)s,
    over_usd = greatest(0, spent_usd + %(cost_usd)s + leased_usd - %(reserved_usd)s - cap_usd)
where period_id = any(%(periods)s)
