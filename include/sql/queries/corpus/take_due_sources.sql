-- Take up the configured sources that nobody has looked at for as long as they say. One that is being looked at, or whose
-- last start has not come to a scan yet, is passed over; so runs do not pile up behind a slow one.
update corpus.source
set started_at = now()
from (
    select due.source_id, latest.at
    from corpus.source as due
    left join lateral (
        select max(scanned_at) as at from corpus.ingestion where ingestion.source_id = due.source_id
    ) as latest on true
    where due.enabled
        and due.configured_at is not null
        and (
            greatest(due.started_at, latest.at) is null
            or greatest(due.started_at, latest.at) <= now() - make_interval(mins => due.every_minutes)
            or due.configured_at > greatest(due.started_at, latest.at)
        )
        and (
            due.started_at is null
            or latest.at is null
            or latest.at > due.started_at
            or due.configured_at > due.started_at
            or due.started_at <= now() - interval '1 day'
        )
        and not exists (
            select from pg_locks as held
            where held.locktype = 'advisory'
                and held.objsubid = 1
                and held.database = (select oid from pg_database where datname = current_database())
                and (held.classid::bigint << 32 | held.objid::bigint)
                    = hashtextextended('corpus.refresh ' || due.source_id, 0)
        )
    for update of due
) as due
where source.source_id = due.source_id
returning source.source_id, source.name, due.at
