-- Give up the lines of a batch whose answers cannot be put right: these stay as they are.
with line as (
    delete from ledger.batch_line where batch_id = %(batch_id)s and left_as = 'invalid' returning keys
)
delete from ledger.batch_key where key in (select unnest(keys) from line)
