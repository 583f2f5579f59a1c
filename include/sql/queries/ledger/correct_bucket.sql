-- Correct the bucket by what the provider says of its limits.
update ledger.bucket
set requests_per_minute = coalesce(%(requests_per_minute)s, requests_per_minute),
    tokens_per_minute = coalesce(%(tokens_per_minute)s, tokens_per_minute),
    requests_left = least(requests_left, %(requests_left)s),
    tokens_left = least(tokens_left, %(tokens_left)s)
where endpoint = %(endpoint)s and model = %(model)s
