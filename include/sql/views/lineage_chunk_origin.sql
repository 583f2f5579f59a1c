-- For auditors: where each searchable chunk comes from, down to the bytes of the file and the call that was paid for.
-- Columns are only ever added at the end: `create or replace` allows no more.

create or replace view lineage.chunk_origin with (security_invoker = true) as
select
    chunk.chunk_id, chunk.tenant, chunk.document_id, chunk.ordinal, chunk.span_start, chunk.span_end, chunk.page,
    chunk.text_sha256 as chunk_sha256, chunk.version_id, version.text_sha256 as version_sha256, version.pipeline,
    version.published_at, corpus.source_version_id(version.document_id, version.source_sha256) as source_version_id,
    version.source_sha256, version.path, source.name as source, source.sensitivity,
    chunk.answer_key, answer.model, call.answered_by, call.endpoint, answer.call_id, answer.call_at as called_at,
    answer.tokens, round(call.cost_usd * answer.tokens / nullif(call.tokens_planned, 0), 12) as cost_share_usd,
    call.run_id as embedding_run_id, call.dag_run_id as embedding_dag_run_id, call.code_version as embedding_code_version,
    version.run_id as publication_run_id, publication.dag_id, publication.dag_run_id, publication.task_id,
    publication.try_number, version.code_version
from corpus.chunk
join corpus.document_version as version on version.version_id = chunk.version_id
join corpus.source on source.source_id = version.source_id
left join lineage.run as publication on publication.run_id = version.run_id
left join ledger.answer on answer.key = chunk.answer_key
left join ledger.call on call.call_id = answer.call_id and call.at = answer.call_at;
comment on view lineage.chunk_origin is
    'Where each searchable chunk comes from: version, file, embedding, call, cost, run. Nothing personal in clear.';
comment on column lineage.chunk_origin.chunk_id is 'The chunk.';
comment on column lineage.chunk_origin.tenant is 'Whose.';
comment on column lineage.chunk_origin.document_id is 'The document.';
comment on column lineage.chunk_origin.ordinal is 'Position in the document, from 0.';
comment on column lineage.chunk_origin.span_start is 'First character in the text of the version, from 0.';
comment on column lineage.chunk_origin.span_end is 'One past the last character.';
comment on column lineage.chunk_origin.page is 'Page that it begins on, for kinds that have pages.';
comment on column lineage.chunk_origin.chunk_sha256 is 'SHA-256 of the text of the chunk.';
comment on column lineage.chunk_origin.version_id is 'The version of the document.';
comment on column lineage.chunk_origin.version_sha256 is 'SHA-256 of the extracted text of the version.';
comment on column lineage.chunk_origin.pipeline is 'Fingerprint of the extraction and chunking that made it.';
comment on column lineage.chunk_origin.published_at is 'When the version became searchable.';
comment on column lineage.chunk_origin.source_version_id is 'The file as it was read: document and bytes.';
comment on column lineage.chunk_origin.source_sha256 is 'SHA-256 of the bytes of the file.';
comment on column lineage.chunk_origin.path is 'Path below the source.';
comment on column lineage.chunk_origin.source is 'Name of the source.';
comment on column lineage.chunk_origin.sensitivity is 'public, internal or confidential.';
comment on column lineage.chunk_origin.answer_key is 'Key (ledger.answer) of the embedding.';
comment on column lineage.chunk_origin.model is 'Model asked for.';
comment on column lineage.chunk_origin.answered_by is 'Model that the provider says answered.';
comment on column lineage.chunk_origin.endpoint is 'Base URL of the provider.';
comment on column lineage.chunk_origin.call_id is 'The call (ledger.call) that bought the embedding.';
comment on column lineage.chunk_origin.called_at is 'When the call was recorded.';
comment on column lineage.chunk_origin.tokens is 'Tokens of this input.';
comment on column lineage.chunk_origin.cost_share_usd is
    'Share of the call''s cost, by tokens, in US dollars. Chunks with the same text share one embedding and show the same share.';
comment on column lineage.chunk_origin.embedding_run_id is 'The run (lineage.run) that called.';
comment on column lineage.chunk_origin.embedding_dag_run_id is 'Its Airflow DAG run, or the id of a run by the command line.';
comment on column lineage.chunk_origin.embedding_code_version is 'Version of the code that called.';
comment on column lineage.chunk_origin.publication_run_id is 'The run (lineage.run) that published the version.';
comment on column lineage.chunk_origin.dag_id is 'Airflow DAG that published.';
comment on column lineage.chunk_origin.dag_run_id is 'Airflow DAG run that published, or the id of a run by the command line.';
comment on column lineage.chunk_origin.task_id is 'Airflow task that published.';
comment on column lineage.chunk_origin.try_number is 'Its try number.';
comment on column lineage.chunk_origin.code_version is 'Version of the code that published.';
grant select on lineage.chunk_origin to plumbline_app, plumbline_auditor;
