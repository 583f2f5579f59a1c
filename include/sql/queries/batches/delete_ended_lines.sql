-- Lines that have ended, and their claims.
with line as (
    delete from ledger.batch_line where batch_id = %(batch_id)s and call_id = any(%(call_ids)s) returning keys
)
delete from ledger.batch_key where key in (select unnest(keys) from line)
