-- Every batch has reserved, in each budget that counts it, what its open lines can cost, and nothing for others.
-- severity: block
with open_call as (
    select call.batch_id, counted.period_id, sum(call.cost_planned_usd) as usd
    from ledger.call
    cross join unnest(call.budget_periods) as counted (period_id)
    where call.batch_id in (select batch_id::text from ledger.batch_line where left_as is null or left_as = 'unknown')
        and call.call_id in (select call_id from ledger.batch_line where left_as is null or left_as = 'unknown')
    group by call.batch_id, counted.period_id
)
select
    coalesce(share.batch_id::text, open_call.batch_id) as batch_id,
    coalesce(share.period_id, open_call.period_id) as period_id,
    coalesce(share.reserved_usd, 0) as reserved_usd, coalesce(open_call.usd, 0) as of_lines_usd
from ledger.batch_share as share
full join open_call on open_call.batch_id = share.batch_id::text and open_call.period_id = share.period_id
where coalesce(share.reserved_usd, 0) <> coalesce(open_call.usd, 0)
