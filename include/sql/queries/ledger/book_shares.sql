-- Calls have ended: what they had reserved, by period and lease, becomes what they cost.  Leases are taken in the order
-- that all keep.  What is above the worst case is booked on the periods, which are held, over their caps if need be.
with ended as (
    select *, cost_usd > reserved_usd as above
    from unnest(%(periods)s::bigint[], %(holders)s::bigint[], %(reserved)s::numeric[], %(costs)s::numeric[])
        as ended (period_id, holder, reserved_usd, cost_usd)
),
mine as (
    select lease.period_id, lease.holder, ended.reserved_usd, ended.cost_usd, ended.above
    from ledger.lease
    join ended on ended.period_id = lease.period_id and ended.holder = lease.holder
    order by lease.period_id, lease.holder
    for update of lease
),
booked as (
    update ledger.lease
    set open_usd = lease.open_usd - mine.reserved_usd,
        spent_usd = lease.spent_usd + case when mine.above then 0 else mine.cost_usd end,
        granted_usd = lease.granted_usd - case when mine.above then mine.reserved_usd else 0 end
    from mine
    where lease.period_id = mine.period_id and lease.holder = mine.holder
)
update ledger.budget_period as period
set leased_usd = period.leased_usd - total.reserved_usd,
    spent_usd = period.spent_usd + total.cost_usd,
    over_usd = greatest(
        0, period.spent_usd + total.cost_usd + period.leased_usd - total.reserved_usd - period.cap_usd
    )
from (
    select period_id, sum(reserved_usd) as reserved_usd, sum(cost_usd) as cost_usd
    from ended
    where above
    group by period_id
) as total
where period.period_id = total.period_id
