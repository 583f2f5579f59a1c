-- How calls stand.
select call_id, state, tokens_planned, cost_planned_usd, usd_per_million_in
from ledger.call
where call_id = any(%(call_ids)s) and at = any(%(times)s)
