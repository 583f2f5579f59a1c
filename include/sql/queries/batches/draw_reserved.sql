-- Take a part of what is reserved for a batch, or all that is left, and say where it was reserved.
with mine as (
    select batch_id, reserved_usd, least(reserved_usd, coalesce(%(planned_usd)s, reserved_usd)) as drawn_usd
    from ledger.batch
    where batch_id = %(batch_id)s and lease is not null
    for update
)
update ledger.batch
set reserved_usd = mine.reserved_usd - mine.drawn_usd
from mine
where batch.batch_id = mine.batch_id
returning batch.lease, batch.budget_periods, mine.drawn_usd as reserved_usd
