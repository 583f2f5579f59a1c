-- The lines of a batch that are in doubt.
select call_id from ledger.batch_line where batch_id = %(batch_id)s and left_as = 'unknown'
