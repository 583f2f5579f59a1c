-- Published chunks that an index in the making lacks.
select count(*) as missing
from corpus.chunk
left join {embedding} as embedding on embedding.chunk_id = chunk.chunk_id
where embedding.chunk_id is null
