-- A batch has failed as a whole; nothing of it was billed.
update ledger.batch
set state = 'failed', error = %(error)s, ended_at = clock_timestamp(), cost_usd = 0, settled = 0, expired = 0, unknown = 0,
    refused = case when %(refused)s then lines else 0 end, failed = case when %(refused)s then 0 else lines end
where batch_id = %(batch_id)s and state <> 'failed'
