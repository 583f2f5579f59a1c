-- Every reservation in a budget belongs to calls that have not ended, and each of these is reserved.
-- severity: block
with reserved as (
    select counted.period_id, open.lease as holder, sum(open.reserved_usd) as usd
    from (
        select lease, budget_periods, reserved_usd from ledger.intent
        union all
        select lease, array[period_id], reserved_usd from ledger.batch_share where reserved_usd > 0
    ) as open
    cross join unnest(open.budget_periods) as counted (period_id)
    group by counted.period_id, open.lease
)
select
    coalesce(lease.period_id, reserved.period_id) as period_id, coalesce(lease.open_usd, 0) as open_usd,
    coalesce(reserved.usd, 0) as of_calls_usd
from ledger.lease
full join reserved on reserved.period_id = lease.period_id and reserved.holder = lease.holder
where coalesce(lease.open_usd, 0) <> coalesce(reserved.usd, 0)
