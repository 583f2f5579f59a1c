-- Lease a block of each period, which are held, to a process, and draw on it what its calls can cost.
with block as (
    select period_id, granted_usd, cost_usd
    from unnest(%(periods)s::bigint[], %(blocks)s::numeric[], %(costs)s::numeric[])
        as given (period_id, granted_usd, cost_usd)
),
leased as (
    update ledger.budget_period as period set leased_usd = period.leased_usd + block.granted_usd
    from block
    where period.period_id = block.period_id
),
mine as (
    select lease.period_id
    from ledger.lease
    join block on block.period_id = lease.period_id
    where lease.holder = %(holder)s
    order by lease.period_id
    for update of lease
),
grown as (
    update ledger.lease
    set granted_usd = lease.granted_usd + block.granted_usd, open_usd = lease.open_usd + block.cost_usd
    from block
    join mine on mine.period_id = block.period_id
    where lease.period_id = mine.period_id and lease.holder = %(holder)s
    returning lease.period_id
)
insert into ledger.lease (period_id, holder, tenant, granted_usd, open_usd)
select period_id, %(holder)s, %(tenant)s, granted_usd, cost_usd
from block
where period_id not in (select period_id from grown)
