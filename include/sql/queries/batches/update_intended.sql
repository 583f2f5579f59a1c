-- A batch is about to be made at the provider.
update ledger.batch
set state = 'submitting', intended_at = clock_timestamp()
where batch_id = %(batch_id)s and state = 'uploading'
