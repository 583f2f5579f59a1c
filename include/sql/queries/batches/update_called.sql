-- The calls of these batches are written now.
update ledger.batch set called_at = now() where batch_id = any(%(batch_ids)s)
