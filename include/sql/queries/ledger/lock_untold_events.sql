-- What budgets have come to in the last day and nobody was told of; left to one teller at a time.
select
    budget_event.period_id, budget_event.event, budget_event.threshold, budget_event.spent_usd, budget_event.cap_usd,
    budget_event.at, period.scope, period.name, period.period
from ledger.budget_event
join ledger.budget_period as period on period.period_id = budget_event.period_id
where budget_event.told_at is null and budget_event.at > now() - interval '1 day'
order by budget_event.at
for update of budget_event skip locked
