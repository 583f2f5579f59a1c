-- What calls of a period have cost that ended while no budget was in force.
with before as (
    select coalesce(sum(call.cost_usd), 0) as usd
    from ledger.call
    where call.at >= %(starts_on)s::date::timestamp at time zone 'UTC'
        and call.ended_at is not null
        and case %(scope)s
            when 'everything' then true
            when 'project' then call.project = %(name)s
            when 'team' then call.team = %(name)s
            when 'use' then call.use = %(name)s
            when 'user' then call.user_ref = %(name)s
        end
        and not coalesce(call.budget_periods @> array[%(period)s::bigint], false)
)
update ledger.budget_period as period
set spent_usd = period.spent_usd - period.spent_before_usd + before.usd,
    spent_before_usd = before.usd,
    over_usd = greatest(
        0, period.spent_usd - period.spent_before_usd + before.usd + period.leased_usd - period.cap_usd
    )
from before
where period.period_id = %(period)s
