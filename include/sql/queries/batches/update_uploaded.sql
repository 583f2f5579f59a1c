-- Its file is at the provider; nothing is touched when somebody else has brought one there meanwhile.
update ledger.batch
set input_file_id = %(file_id)s
where batch_id = %(batch_id)s and state = 'uploading' and input_file_id is null
