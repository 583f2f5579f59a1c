-- The budgets in force and how their day or month stands; and what their calls cost in the last seven days.
-- Added up by what the calls name first: there are many calls, and few of these.
with named as (
    select budget_periods, sum(cost_usd) as usd
    from ledger.call
    where at > %(moment)s::timestamptz - interval '7 days' and cost_usd is not null and budget_periods is not null
    group by budget_periods
),
recent as (
    select period.scope, period.name, period.period, sum(named.usd) as usd
    from named
    cross join unnest(named.budget_periods) as counted (period_id)
    join ledger.budget_period as period on period.period_id = counted.period_id
    group by period.scope, period.name, period.period
),
watched as (
    select scope, name, period, min(valid_from) as since from ledger.budget group by scope, name, period
),
drawn as (
    select period_id, sum(spent_usd) as spent_usd, sum(open_usd) as open_usd from ledger.lease group by period_id
),
event as (
    select
        budget_event.period_id,
        max(budget_event.threshold) filter (where budget_event.event = 'reached') as reached,
        -- What a smaller cap has refused says nothing of the present one.
        bool_or(budget_event.event = 'refused' and budget_event.cap_usd >= period.cap_usd) as refused
    from ledger.budget_event
    join ledger.budget_period as period on period.period_id = budget_event.period_id
    group by budget_event.period_id
)
select
    budget.scope, budget.name, budget.period, budget.cap_usd, budget.thresholds, budget.set_by, budget.valid_from,
    date_trunc(budget.period, %(moment)s::timestamptz at time zone 'UTC')::date as starts_on,
    coalesce(period.spent_usd, 0) + coalesce(drawn.spent_usd, 0) as spent_usd,
    coalesce(period.leased_usd, 0) - coalesce(drawn.spent_usd, 0) as reserved_usd,
    coalesce(drawn.open_usd, 0) as open_usd,
    coalesce(period.over_usd, 0) as over_usd,
    coalesce(recent.usd, 0) as recent_usd,
    watched.since as watched_since,
    event.reached,
    coalesce(event.refused, false) as refused
from ledger.budget
join watched on watched.scope = budget.scope and watched.name = budget.name and watched.period = budget.period
left join ledger.budget_period as period
    on period.tenant = budget.tenant
    and period.scope = budget.scope
    and period.name = budget.name
    and period.period = budget.period
    and period.starts_on = date_trunc(budget.period, %(moment)s::timestamptz at time zone 'UTC')::date
left join drawn on drawn.period_id = period.period_id
left join event on event.period_id = period.period_id
left join recent
    on recent.scope = budget.scope and recent.name = budget.name and recent.period = budget.period
where budget.valid_until is null
order by array_position(array['everything', 'project', 'team', 'use', 'user'], budget.scope), budget.name, budget.period
