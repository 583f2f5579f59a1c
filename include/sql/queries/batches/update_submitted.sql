-- The provider has made the batch.
update ledger.batch
set state = 'submitted', provider_batch_id = %(provider_batch_id)s, provider_state = %(provider_state)s,
    submitted_at = clock_timestamp()
where batch_id = %(batch_id)s and state = 'submitting'
