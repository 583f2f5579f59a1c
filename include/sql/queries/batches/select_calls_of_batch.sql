-- Those of these ids that are calls of a batch.
select call_id from ledger.call
where call_id = any(%(call_ids)s) and at = %(called_at)s and batch_id = %(batch_id)s::text
