-- The lines of a batch that failed as a whole, and their claims.
with line as (delete from ledger.batch_line where batch_id = %(batch_id)s)
delete from ledger.batch_key where batch_id = %(batch_id)s
