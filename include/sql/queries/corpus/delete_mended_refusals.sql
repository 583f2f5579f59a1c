-- Files that were refused before and are not any more: they were mended, or are gone.
delete from corpus.refused_document as refused
where refused.source_id = %(source_id)s
    and not exists (
        select from corpus.ingestion_file as file
        where file.ingestion_id = %(ingestion_id)s and file.path = refused.path and file.action = 'refuse'
    )
