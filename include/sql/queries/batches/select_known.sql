-- What we know of batches that the provider's lists name.
select batch_id, state, input_file_id, provider_batch_id, cleaned_at from ledger.batch where batch_id = any(%(batch_ids)s)
