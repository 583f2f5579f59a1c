-- The provider asked everyone to wait.
update ledger.bucket
set closed_until = greatest(closed_until, clock_timestamp() + make_interval(secs => %(seconds)s))
where endpoint = %(endpoint)s and model = %(model)s
