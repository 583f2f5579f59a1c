-- Leases to be given back, held for the rest of the transaction: one's own, those of processes that are gone, and alone
-- those of everybody.
with living as materialized (
    select classid::bigint << 32 | objid::bigint as holder
    from pg_locks
    where locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())
        and objsubid = 1
        and granted
)
select period_id, holder
from ledger.lease
where period_id = any(%(periods)s)
    and (%(alone)s or holder = %(holder)s or holder not in (select holder from living))
order by period_id, holder
for update
