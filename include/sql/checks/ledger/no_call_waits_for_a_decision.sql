-- No call waits for a person to decide whether it was billed.
-- severity: warn
select call_id, model, cost_planned_usd
from ledger.call
where state = 'unknown'
