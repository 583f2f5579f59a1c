-- Every chunk has its words in the lexical index.
-- severity: block
select chunk.chunk_id, chunk.document_id
from corpus.chunk
left join corpus.chunk_terms as words on words.chunk_id = chunk.chunk_id and words.tenant = chunk.tenant
where words.chunk_id is null
