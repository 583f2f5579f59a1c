-- Somebody wants a batch to end.
update ledger.batch
set cancel_asked_at = coalesce(cancel_asked_at, clock_timestamp())
where batch_id = %(batch_id)s and state in ('planned', 'uploading', 'submitting', 'submitted', 'ended')
