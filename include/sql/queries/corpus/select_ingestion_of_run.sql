-- The ingestion that an Airflow run, or a run of the command line, made; the latest one where no run is named.
select
    ingestion.*, source.name as source_name, source.location, source.problem, vector_index.model, vector_index.dimensions,
    (select count(*) from corpus.document where document.source_id = ingestion.source_id) as documents,
    (
        select count(*)
        from corpus.chunk
        join corpus.document on document.document_id = chunk.document_id
        where document.source_id = ingestion.source_id
    ) as chunks,
    (
        select count(*) from lineage.check_result as done
        where done.dag_run_id = ingestion.dag_run_id and done.dag_id is not distinct from ingestion.dag_id
    ) as checks,
    (
        select count(*) from lineage.check_result as done
        where done.dag_run_id = ingestion.dag_run_id and done.dag_id is not distinct from ingestion.dag_id and not done.passed
    ) as checks_failed
from corpus.ingestion
join corpus.source on source.source_id = ingestion.source_id
join corpus.vector_index on vector_index.index_id = ingestion.index_id
where %(dag_run_id)s::text is null or ingestion.dag_run_id = %(dag_run_id)s
order by ingestion.scanned_at desc
limit 1
