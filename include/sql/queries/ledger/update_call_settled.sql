-- A call was answered: what it used, what it cost, how it went.
update ledger.call
set state = 'settled',
    answered_by = %(answered_by)s,
    outcome = %(outcome)s,
    attempts = attempts + %(attempts)s,
    status_counts = status_counts || %(status_counts)s,
    tokens_in = %(tokens)s,
    tokens_cached = %(tokens_cached)s,
    tokens_out = %(tokens_out)s,
    cost_usd = %(cost_usd)s,
    latency_ms = %(latency_ms)s,
    provider_request_id = %(provider_request_id)s,
    ended_at = clock_timestamp(),
    error = null
where call_id = %(call_id)s and at = %(call_at)s
