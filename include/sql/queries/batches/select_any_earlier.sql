-- Whether one of these batches at the provider was submitted by us before a moment.
select exists (
    select from ledger.batch
    where provider_batch_id = any(%(provider_ids)s) and submitted_at < %(before)s
)
