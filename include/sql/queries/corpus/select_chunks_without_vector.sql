-- The next published chunks that an index in the making lacks, and that the ingestion leaves as they are, after an id.
select chunk.chunk_id, chunk.text, chunk.tokens
from corpus.chunk
left join {embedding} as embedding on embedding.chunk_id = chunk.chunk_id
where embedding.chunk_id is null
    and not exists (
        select from corpus.ingestion_file as file
        where file.ingestion_id = %(ingestion_id)s
            and file.document_id = chunk.document_id
            and file.action in ('store', 'remove')
    ) and chunk.chunk_id > %(after)s
order by chunk.chunk_id
limit %(page)s
