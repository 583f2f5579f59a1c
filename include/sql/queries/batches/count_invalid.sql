-- Lines of a batch whose answers are to be put right.
select count(*) from ledger.batch_line where batch_id = %(batch_id)s and left_as = 'invalid'
