-- Book what was spent from leases, and give back what is not drawn: what calls under way can cost stays.
with given as (
    select lease.period_id, lease.holder, lease.granted_usd - lease.open_usd as back_usd, lease.spent_usd, lease.open_usd
    from ledger.lease
    join unnest(%(periods)s::bigint[], %(holders)s::bigint[]) as named (period_id, holder)
        on named.period_id = lease.period_id and named.holder = lease.holder
),
gone as (
    delete from ledger.lease using given
    where lease.period_id = given.period_id and lease.holder = given.holder and given.open_usd = 0
),
kept as (
    update ledger.lease set granted_usd = given.open_usd, spent_usd = 0
    from given
    where lease.period_id = given.period_id and lease.holder = given.holder and given.open_usd > 0
),
total as (
    select period_id, sum(back_usd) as back_usd, sum(spent_usd) as spent_usd from given group by period_id
)
update ledger.budget_period as period
set spent_usd = period.spent_usd + total.spent_usd,
    leased_usd = period.leased_usd - total.back_usd,
    over_usd = greatest(0, period.spent_usd + total.spent_usd + period.leased_usd - total.back_usd - period.cap_usd)
from total
where period.period_id = total.period_id
