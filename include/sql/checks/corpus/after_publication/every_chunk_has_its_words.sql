-- Every chunk has its words in the lexical index.
-- severity: block
select chunk.chunk_id, chunk.document_id
from corpus.ingestion_file as file
join corpus.chunk on chunk.document_id = file.document_id
left join corpus.chunk_terms as words on words.chunk_id = chunk.chunk_id and words.tenant = chunk.tenant
where file.ingestion_id = %(ingestion_id)s and file.action = 'store' and words.chunk_id is null
