-- Lines of open batches, which are held, that were there before a budget was set are reserved in its period.
with open as (
    select
        line.batch_id, line.tenant, call.call_id, call.at as call_at, call.cost_planned_usd as usd, plan.holder as lease
    from ledger.batch
    join ledger.batch_plan as plan on plan.plan_id = batch.plan_id
    join ledger.batch_line as line on line.batch_id = batch.batch_id
    join ledger.call on call.call_id = line.call_id and call.at = batch.called_at
    where batch.batch_id = any(%(batch_ids)s)
        and line.batch_id = any(%(batch_ids)s)
        and call.batch_id = any(%(batch_ids)s::text[])
        and batch.called_at >= %(starts_on)s::date::timestamp at time zone 'UTC'
        and (line.left_as is null or line.left_as = 'unknown')
        and not coalesce(call.budget_periods @> array[%(period)s::bigint], false)
        and case %(scope)s
            when 'everything' then true
            when 'project' then call.project = %(name)s
            when 'team' then call.team = %(name)s
            when 'use' then call.use = %(name)s
            when 'user' then call.user_ref = %(name)s
        end
),
called as (
    update ledger.call set budget_periods = call.budget_periods || %(period)s::bigint
    from open
    where call.call_id = open.call_id and call.at = open.call_at and call.batch_id = any(%(batch_ids)s::text[])
),
share as (
    insert into ledger.batch_share (batch_id, period_id, tenant, lease, reserved_usd)
    select batch_id, %(period)s, tenant, lease, sum(usd) from open group by batch_id, tenant, lease
    on conflict (batch_id, period_id) do update set reserved_usd = batch_share.reserved_usd + excluded.reserved_usd
),
needed as (
    select lease, tenant, sum(usd) as usd from open group by lease, tenant
),
grown as (
    update ledger.lease set granted_usd = lease.granted_usd + needed.usd, open_usd = lease.open_usd + needed.usd
    from needed
    where lease.period_id = %(period)s and lease.holder = needed.lease
    returning lease.holder
),
made as (
    insert into ledger.lease (period_id, holder, tenant, granted_usd, open_usd)
    select %(period)s, lease, tenant, usd, usd
    from needed
    where lease not in (select holder from grown)
)
update ledger.budget_period as period
set leased_usd = period.leased_usd + total.usd,
    over_usd = greatest(0, period.spent_usd + period.leased_usd + total.usd - period.cap_usd)
from (select coalesce(sum(usd), 0) as usd from needed) as total
where period.period_id = %(period)s
