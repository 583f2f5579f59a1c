-- Calls that were under way before their budget was set are reserved in it.
with open as (
    select * from unnest(
        %(call_ids)s::uuid[], %(times)s::timestamptz[], %(leases)s::bigint[], %(reserved)s::numeric[]
    ) as open (call_id, call_at, lease, reserved_usd)
),
called as (
    update ledger.call set budget_periods = call.budget_periods || %(period)s::bigint
    from open
    where call.call_id = open.call_id and call.at = open.call_at
),
intended as (
    update ledger.intent
    set lease = open.lease, budget_periods = intent.budget_periods || %(period)s::bigint, reserved_usd = open.reserved_usd
    from open
    where intent.call_id = open.call_id
),
needed as (
    select lease, sum(reserved_usd) as usd from open group by lease
),
grown as (
    update ledger.lease set granted_usd = lease.granted_usd + needed.usd, open_usd = lease.open_usd + needed.usd
    from needed
    where lease.period_id = %(period)s and lease.holder = needed.lease
    returning lease.holder
),
made as (
    insert into ledger.lease (period_id, holder, tenant, granted_usd, open_usd)
    select %(period)s, lease, %(tenant)s, usd, usd
    from needed
    where lease not in (select holder from grown)
)
update ledger.budget_period as period
set leased_usd = period.leased_usd + total.usd,
    over_usd = greatest(0, period.spent_usd + period.leased_usd + total.usd - period.cap_usd)
from (select coalesce(sum(usd), 0) as usd from needed) as total
where period.period_id = %(period)s
