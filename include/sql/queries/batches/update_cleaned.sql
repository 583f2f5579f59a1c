-- The files of a batch are deleted at the provider.
update ledger.batch set cleaned_at = clock_timestamp() where batch_id = %(batch_id)s and cleaned_at is null
