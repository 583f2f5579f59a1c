-- The next files of a shard that are not yet staged, after a path: a page of them, or fewer when they are large.
select path, document_id, kind, bytes, sha256
from (
    select
        page.*,
        sum(page.bytes) over (order by page.path) - page.bytes as bytes_before
    from (
        select file.path, file.document_id, file.kind, file.bytes, file.sha256
        from corpus.ingestion_file as file
        left join corpus.staged_document as staged
            on staged.document_id = file.document_id
            and staged.source_sha256 = file.sha256
            and staged.pipeline = %(pipeline)s
            and staged.index_id = %(index_id)s
        where file.ingestion_id = %(ingestion_id)s
            and file.shard = %(shard)s
            and file.action = 'store'
            and file.path > %(after)s
            and staged.document_id is null
        order by file.path
        limit %(page)s
    ) as page
) as measured
where bytes_before < %(page_bytes)s
order by path
