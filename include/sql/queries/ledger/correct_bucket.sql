-- Correct the bucket by what the provider says of its limits: what is left, and how long there is no room at all.
update ledger.bucket
set requests_per_minute = coalesce(%(requests_per_minute)s, requests_per_minute),
    tokens_per_minute = coalesce(%(tokens_per_minute)s, tokens_per_minute),
    requests = ledger.with_room(ledger.flowed(requests, requests_per_minute, refilled_at, at), %(requests_left)s),
    tokens = ledger.with_room(ledger.flowed(tokens, tokens_per_minute, refilled_at, at), %(tokens_left)s),
    closed_until = greatest(closed_until, at + make_interval(secs => %(seconds)s)),
    refilled_at = greatest(refilled_at, at)
from clock_timestamp() as at
where endpoint = %(endpoint)s and model = %(model)s
