-- A person has decided what became of lines of a batch.
update ledger.call
set state = 'failed',
    tokens_in = case when %(billed)s then tokens_planned else 0 end,
    tokens_out = case when %(billed)s then tokens_out_planned else 0 end,
    cost_usd = case when %(billed)s then cost_planned_usd else 0 end,
    ended_at = clock_timestamp(),
    error = %(error)s
where call_id = any(%(call_ids)s) and at = %(call_at)s and state = 'unknown'
