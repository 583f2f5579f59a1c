-- Files that were refused before and are not any more: they were mended, or are gone. Below a folder
-- that could not be opened nothing is known.
delete from corpus.refused_document as refused
where refused.source_id = %(source_id)s
    and not exists (
        select from corpus.ingestion_file as file
        where file.ingestion_id = %(ingestion_id)s and file.path = refused.path and file.action = 'refuse'
    )
    and not exists (
        select from corpus.ingestion_file as closed
        where closed.ingestion_id = %(ingestion_id)s
            and closed.reason_code = any (%(access_codes)s)
            and starts_with(refused.path, closed.path || '/')
    )
