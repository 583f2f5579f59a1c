-- Book a period anew from its calls: what those have cost that name it, less what is still booked on leases, and those
-- that ended while no budget was in force.
with cost as (
    select
        coalesce(sum(call.cost_usd) filter (where counted), 0) as counted_usd,
        coalesce(sum(call.cost_usd) filter (where not counted), 0) as before_usd
    from ledger.call
    cross join lateral (select coalesce(call.budget_periods @> array[%(period)s::bigint], false)) as named (counted)
    where call.ended_at is not null
        -- The book's clock and that of a worker may see midnight at different moments.
        and call.at >= %(starts_on)s::date::timestamp at time zone 'UTC' - interval '1 day'
        and (
            counted
            or call.at >= %(starts_on)s::date::timestamp at time zone 'UTC'
            and case %(scope)s
                when 'everything' then true
                when 'project' then call.project = %(name)s
                when 'team' then call.team = %(name)s
                when 'use' then call.use = %(name)s
                when 'user' then call.user_ref = %(name)s
            end
        )
),
drawn as (
    select coalesce(sum(spent_usd), 0) as usd from ledger.lease where period_id = %(period)s
)
update ledger.budget_period as period
set spent_usd = cost.before_usd + cost.counted_usd - drawn.usd,
    spent_before_usd = cost.before_usd,
    over_usd = greatest(0, cost.before_usd + cost.counted_usd - drawn.usd + period.leased_usd - period.cap_usd)
from cost, drawn
where period.period_id = %(period)s
