-- An ingestion with its source and its index.
select
    ingestion.ingestion_id, ingestion.source_id, ingestion.index_id, ingestion.state, ingestion.pipeline, ingestion.found,
    ingestion.dag_id, ingestion.dag_run_id, source.name, source.kind, source.location, source.options, source.keep_days,
    source.sensitivity, vector_index.state as index_state, vector_index.table_name, vector_index.model, vector_index.dimensions,
    vector_index.instead_of_model, vector_index.instead_of_dimensions
from corpus.ingestion
join corpus.source on source.source_id = ingestion.source_id
join corpus.vector_index on vector_index.index_id = ingestion.index_id
where ingestion.ingestion_id = %(ingestion_id)s
