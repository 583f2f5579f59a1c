-- The calls of a batch that failed as a whole.
update ledger.call
set state = %(state)s, tokens_in = 0, tokens_cached = 0, tokens_out = 0, cost_usd = 0, ended_at = clock_timestamp(),
    error = %(error)s
where batch_id = %(batch_id)s::text and at = %(called_at)s and state in ('reserved', 'sent')
