-- The next published chunks that stay as they are, after an id: an index in the making needs a vector for each.
select chunk.chunk_id, chunk.text, chunk.tokens
from corpus.chunk
left join compared on compared.document_id = chunk.document_id and compared.action in ('store', 'remove')
where compared.document_id is null and chunk.chunk_id > %(after)s
order by chunk.chunk_id
limit %(page)s
