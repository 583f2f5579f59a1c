-- The sources of the tenant; one that was forgotten, and not read since, is none.
select source.source_id, source.name, source.location
from corpus.source
left join lateral (
    select state, pipeline from corpus.ingestion where ingestion.source_id = source.source_id order by scanned_at desc limit 1
) as latest on true
where (latest.state, latest.pipeline) is distinct from ('published', 'forgotten')
order by source.name
