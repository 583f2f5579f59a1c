-- Lines of a batch, which is held, have ended: what they could cost is taken from its shares in the periods that their
-- calls name; says how much of each, on whose lease, and what they cost.
with ended as (
    select *
    from unnest(%(call_ids)s::uuid[], %(planned)s::numeric[], %(costs)s::numeric[])
        as ended (call_id, planned_usd, cost_usd)
),
counted as (
    select named.period_id, sum(ended.planned_usd) as planned_usd, sum(ended.cost_usd) as cost_usd
    from ended
    join ledger.call on call.call_id = ended.call_id
    cross join unnest(call.budget_periods) as named (period_id)
    where call.call_id = any(%(call_ids)s) and call.at = %(called_at)s
    group by named.period_id
),
mine as (
    select
        share.period_id, share.lease, least(share.reserved_usd, counted.planned_usd) as reserved_usd, counted.cost_usd
    from ledger.batch_share as share
    join counted on counted.period_id = share.period_id
    where share.batch_id = %(batch_id)s
)
update ledger.batch_share as share
set reserved_usd = share.reserved_usd - mine.reserved_usd
from mine
where share.batch_id = %(batch_id)s and share.period_id = mine.period_id
returning mine.period_id, mine.lease, mine.reserved_usd, mine.cost_usd
