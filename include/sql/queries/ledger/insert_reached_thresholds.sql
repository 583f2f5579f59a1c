-- Thresholds that periods of budgets have come to and that nobody was told of.
with reached as (
    insert into ledger.budget_event (period_id, event, threshold, tenant, spent_usd, cap_usd)
    select period.period_id, 'reached', threshold, period.tenant, period.spent_usd, period.cap_usd
    from ledger.budget_period as period
    join ledger.budget on budget.budget_id = period.budget_id
    cross join unnest(budget.thresholds) as threshold
    where period.period_id = any(%(periods)s)
        and period.spent_usd > 0
        and period.spent_usd >= threshold * period.cap_usd
    order by period.period_id, threshold
    on conflict (period_id, event, threshold) do nothing
    returning period_id, threshold, spent_usd, cap_usd
)
select period.scope, period.name, period.period, reached.threshold, reached.spent_usd, reached.cap_usd
from reached
join ledger.budget_period as period on period.period_id = reached.period_id
order by period.period_id, reached.threshold
