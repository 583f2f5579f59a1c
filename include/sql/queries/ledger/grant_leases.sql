-- Lease a block of each period to a process, and draw a call on it.
with block as (
    select period_id, granted_usd from unnest(%(periods)s::bigint[], %(blocks)s::numeric[]) as given (period_id, granted_usd)
),
leased as (
    update ledger.budget_period as period set leased_usd = period.leased_usd + block.granted_usd
    from block
    where period.period_id = block.period_id
),
grown as (
    update ledger.lease
    set granted_usd = lease.granted_usd + block.granted_usd, open_usd = lease.open_usd + %(cost_usd)s
    from block
    where lease.period_id = block.period_id and lease.holder = %(holder)s
    returning lease.period_id
)
insert into ledger.lease (period_id, holder, tenant, granted_usd, open_usd)
select period_id, %(holder)s, %(tenant)s, granted_usd, %(cost_usd)s
from block
where period_id not in (select period_id from grown)
