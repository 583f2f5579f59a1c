-- A person, or the provider's records, have decided what became of a call.
update ledger.call
set state = 'failed',
    tokens_in = %(tokens)s,
    tokens_cached = %(tokens_cached)s,
    tokens_out = %(tokens_out)s,
    cost_usd = %(cost_usd)s,
    ended_at = clock_timestamp(),
    error = %(error)s
where call_id = %(call_id)s and at = %(call_at)s
