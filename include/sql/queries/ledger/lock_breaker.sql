-- The breaker of a provider, and the time, for this transaction alone; it is made if it is healthy.
insert into ledger.breaker as breaker (endpoint, model) values (%(endpoint)s, %(model)s)
on conflict (endpoint, model) do update set endpoint = excluded.endpoint
returning
    breaker.state, breaker.failures, breaker.failed_at, breaker.opened_at, breaker.pause, breaker.next_probe_at,
    breaker.lease, breaker.seen, clock_timestamp() as at
