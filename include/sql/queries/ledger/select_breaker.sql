-- The breaker of a provider that has failed, and the time.
select
    state, failures, failed_at, opened_at, pause, next_probe_at, lease, seen, clock_timestamp() as at
from ledger.breaker
where endpoint = %(endpoint)s and model = %(model)s
