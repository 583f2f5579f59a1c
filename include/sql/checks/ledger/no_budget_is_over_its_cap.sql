-- No budget of today or this month is over its cap.
-- severity: warn
select period_id, cap_usd, over_usd
from ledger.budget_period
where over_usd > 0
    and starts_on = date_trunc(period, now() at time zone 'UTC')::date
