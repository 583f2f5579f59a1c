-- A call ended without an answer: refused or failed.
update ledger.call
set state = %(state)s,
    attempts = attempts + %(attempts)s,
    status_counts = status_counts || %(status_counts)s,
    tokens_in = %(tokens)s,
    tokens_cached = %(tokens_cached)s,
    tokens_out = %(tokens_out)s,
    cost_usd = %(cost_usd)s,
    provider_request_id = %(provider_request_id)s,
    ended_at = clock_timestamp(),
    error = %(error)s
where call_id = %(call_id)s and at = %(call_at)s
