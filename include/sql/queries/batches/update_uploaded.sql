-- Its file is at the provider.
update ledger.batch set input_file_id = %(file_id)s where batch_id = %(batch_id)s and state = 'uploading'
