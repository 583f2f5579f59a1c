-- Every budget of the last month has spent what its calls cost.
-- severity: block
with spent as (
    select period.period_id, period.spent_usd - period.spent_before_usd + coalesce(sum(lease.spent_usd), 0) as usd
    from ledger.budget_period as period
    left join ledger.lease on lease.period_id = period.period_id
    where period.starts_on > now() - interval '1 month'
    group by period.period_id
),
cost as (
    select counted.period_id, sum(call.cost_usd) as usd
    from ledger.call
    cross join unnest(call.budget_periods) as counted (period_id)
    where call.at > now() - interval '2 months' and call.ended_at is not null
    group by counted.period_id
)
select spent.period_id, spent.usd as booked_usd, coalesce(cost.usd, 0) as cost_usd
from spent
left join cost on cost.period_id = spent.period_id
where spent.usd <> coalesce(cost.usd, 0)
