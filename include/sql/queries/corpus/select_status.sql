-- What is searchable now, source by source; one that was forgotten, and not read since, is none.
select
    source.source_id, source.name, source.location, source.owner, source.sensitivity,
    (select count(*) from corpus.document where document.source_id = source.source_id) as documents,
    (
        select count(*)
        from corpus.chunk
        join corpus.document on document.document_id = chunk.document_id
        where document.source_id = source.source_id
    ) as chunks,
    (select count(*) from corpus.refused_document as refused where refused.source_id = source.source_id) as refused,
    latest.state, latest.scanned_at, latest.published_at, latest.dag_run_id,
    vector_index.model, vector_index.dimensions
from corpus.source
left join lateral (
    select * from corpus.ingestion where ingestion.source_id = source.source_id order by scanned_at desc limit 1
) as latest on true
left join corpus.vector_index on vector_index.state = 'in_force'
where (latest.state, latest.pipeline) is distinct from ('published', 'forgotten')
order by source.name
