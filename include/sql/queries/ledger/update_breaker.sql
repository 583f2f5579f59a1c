-- What became of the breaker of a provider.
update ledger.breaker
set state = %(state)s, failures = %(failures)s, failed_at = %(failed_at)s, opened_at = %(opened_at)s, pause = %(pause)s,
    next_probe_at = %(next_probe_at)s, lease = %(lease)s, seen = %(seen)s
where endpoint = %(endpoint)s and model = %(model)s
