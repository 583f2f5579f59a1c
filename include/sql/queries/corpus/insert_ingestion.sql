-- Open an ingestion.
insert into corpus.ingestion (
    ingestion_id, tenant, source_id, index_id, run_id, dag_id, dag_run_id, state, pipeline, found, unchanged
)
values (
    %(ingestion_id)s, %(tenant)s, %(source_id)s, %(index_id)s, %(run_id)s, %(dag_id)s, %(dag_run_id)s, 'scanned', %(pipeline)s, %(found)s,
    %(unchanged)s
)
