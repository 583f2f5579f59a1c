-- How many published chunks an index version lacks.
select count(*) as missing
from corpus.chunk
left join {embedding} as embedding on embedding.chunk_id = chunk.chunk_id
where embedding.chunk_id is null
