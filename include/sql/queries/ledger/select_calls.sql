-- How calls stand.
select
    call_id, state, tokens_planned, tokens_out_planned, cost_planned_usd, usd_per_million_in, usd_per_million_out,
    usd_per_million_cached, mends
from ledger.call
where call_id = any(%(call_ids)s) and at = any(%(times)s)
