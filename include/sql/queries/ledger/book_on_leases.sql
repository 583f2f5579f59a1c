-- A call has ended: its reservation becomes what it cost.  The leases are taken in the order that all keep.
with mine as (
    select period_id from ledger.lease
    where period_id = any(%(periods)s) and holder = %(holder)s
    order by period_id
    for update
)
update ledger.lease
set open_usd = lease.open_usd - %(reserved_usd)s, spent_usd = lease.spent_usd + %(cost_usd)s
from mine
where lease.period_id = mine.period_id and lease.holder = %(holder)s
