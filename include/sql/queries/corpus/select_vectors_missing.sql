-- The next published chunks that an index version lacks, after an id.
select chunk.chunk_id, chunk.text, chunk.tokens
from corpus.chunk
left join {embedding} as embedding on embedding.chunk_id = chunk.chunk_id
where embedding.chunk_id is null and chunk.chunk_id > %(after)s
order by chunk.chunk_id
limit %(page)s
