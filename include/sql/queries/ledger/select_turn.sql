-- For how many seconds more a place in the queues has to wait, for how many the provider asked everyone to, and whether
-- its breaker is not closed.
select
    exists (
        select from ledger.breaker
        where breaker.endpoint = bucket.endpoint and breaker.model = bucket.model and breaker.state <> 'closed'
            and breaker.lease is distinct from coalesce(%(lease)s::bigint, 0)
    ) as barred,
    greatest(0, coalesce(extract(epoch from closed_until - at), 0))::double precision as closed,
    greatest(
        ledger.seconds_until(
            ledger.flowed(requests, requests_per_minute, refilled_at, at),
            %(use)s, %(interactive)s, %(requests_place)s, requests_per_minute
        ),
        ledger.seconds_until(
            ledger.flowed(tokens, tokens_per_minute, refilled_at, at),
            %(use)s, %(interactive)s, %(tokens_place)s, tokens_per_minute
        )
    ) as queue
from ledger.bucket, clock_timestamp() as at
where endpoint = %(endpoint)s and model = %(model)s
