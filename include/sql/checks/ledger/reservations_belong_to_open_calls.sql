-- Every reservation in a budget belongs to calls that have not ended, and each of these is reserved.
-- severity: block
with reserved as (
    select counted.period_id, intent.lease as holder, sum(intent.reserved_usd) as usd
    from ledger.intent
    cross join unnest(intent.budget_periods) as counted (period_id)
    group by counted.period_id, intent.lease
)
select
    coalesce(lease.period_id, reserved.period_id) as period_id, coalesce(lease.open_usd, 0) as open_usd,
    coalesce(reserved.usd, 0) as of_calls_usd
from ledger.lease
full join reserved on reserved.period_id = lease.period_id and reserved.holder = lease.holder
where coalesce(lease.open_usd, 0) <> coalesce(reserved.usd, 0)
