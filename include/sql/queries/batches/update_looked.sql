-- What the provider says of a batch; nothing is touched when it is another one by now.
update ledger.batch
set provider_state = %(provider_state)s,
    looked_at = clock_timestamp(),
    state = case when %(ended)s then 'ended' else state end,
    ended_at = case when %(ended)s then clock_timestamp() end,
    output_file_id = %(output_file_id)s,
    error_file_id = %(error_file_id)s
where batch_id = %(batch_id)s and provider_batch_id = %(provider_batch_id)s and state = 'submitted'
