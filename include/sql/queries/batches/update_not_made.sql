-- The provider did not make it: it is tried again, with the file that is there or a new one.
update ledger.batch
set state = %(state)s, intended_at = null, provider_batch_id = null, input_file_id = case when %(again)s then null else input_file_id end,
    not_before = clock_timestamp() + make_interval(secs => %(wait)s)
where batch_id = %(batch_id)s and state in ('submitting', 'submitted')
