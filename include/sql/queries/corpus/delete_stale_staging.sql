-- What an earlier run prepared is kept where it still fits: same bytes, pipeline and index, every answer bought, and no check
-- found fault with the run that prepared it.
delete from corpus.staged_document
where source_id = %(source_id)s
    and (
        pipeline <> %(pipeline)s
        or index_id <> %(index_id)s
        or not exists (
            select from corpus.ingestion_file
            where ingestion_id = %(ingestion_id)s
                and action = 'store'
                and ingestion_file.document_id = staged_document.document_id
                and ingestion_file.sha256 = staged_document.source_sha256
        )
        or exists (
            select from corpus.staged_chunk
            left join ledger.answer on answer.key = staged_chunk.answer_key and answer.vector is not null
            where staged_chunk.document_id = staged_document.document_id and answer.key is null
        )
        or exists (
            select from lineage.check_result
            join corpus.ingestion
                on ingestion.dag_run_id = check_result.dag_run_id
                and ingestion.dag_id is not distinct from check_result.dag_id
            where ingestion.source_id = %(source_id)s
                and ingestion.state = 'superseded'
                and check_result.severity = 'block'
                and not check_result.passed
                and check_result.at > coalesce(
                    (select max(published_at) from corpus.ingestion where source_id = %(source_id)s), '-infinity'
                )
        )
    )
