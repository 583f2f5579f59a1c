-- The provider did not make it, or would not begin it: it is tried again, with the file that is there or a new one.
-- Nothing is touched when somebody else has gone on from there: what was looked at is another batch by then.
update ledger.batch
set state = %(state)s, intended_at = null, provider_batch_id = null, provider_state = null,
    input_file_id = case when %(again)s then null else input_file_id end,
    not_before = clock_timestamp() + make_interval(secs => %(wait)s)
where batch_id = %(batch_id)s
    and state in ('submitting', 'submitted')
    and provider_batch_id is not distinct from %(provider_batch_id)s
    and intended_at = %(intended_at)s
