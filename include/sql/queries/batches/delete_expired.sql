-- Give up the expired lines of a batch: whoever needs them may buy them anew.
with line as (
    delete from ledger.batch_line where batch_id = %(batch_id)s and left_as = 'expired' returning keys
)
delete from ledger.batch_key where key in (select unnest(keys) from line)
