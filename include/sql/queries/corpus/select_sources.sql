-- The sources of the tenant; one that was forgotten, and not read since, is none, unless somebody configured it.
select source.source_id, source.name, source.kind, source.location, source.options, source.owner, source.sensitivity,
    source.keep_days, source.every_minutes, source.enabled, source.configured_at, source.refreshed_at, source.refreshed_as,
    source.problem
from corpus.source
left join lateral (
    select state, pipeline from corpus.ingestion where ingestion.source_id = source.source_id order by scanned_at desc limit 1
) as latest on true
where (latest.state, latest.pipeline) is distinct from ('published', 'forgotten') or source.configured_at is not null
order by source.name
