-- The providers that have failed since they last answered.
select endpoint, model, state, failures, failed_at, opened_at, next_probe_at, seen
from ledger.breaker
where failures > 0
order by endpoint, model
