-- A batch is about to be uploaded.
update ledger.batch set state = 'uploading', not_before = null where batch_id = %(batch_id)s and state = 'planned'
