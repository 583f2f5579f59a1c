-- Hold a batch until the end of the transaction.
select * from ledger.batch where batch_id = %(batch_id)s for update
