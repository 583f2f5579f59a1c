-- Configured sources that nobody has looked at for as long as they say, the longest neglected first.
select source.name
from corpus.source
left join lateral (
    select max(scanned_at) as at from corpus.ingestion where ingestion.source_id = source.source_id
) as latest on true
where source.enabled
    and source.configured_at is not null
    and (
        latest.at is null
        or latest.at <= now() - make_interval(mins => source.every_minutes)
        or source.configured_at > latest.at
    )
order by latest.at nulls first, source.name
