-- What an open ingestion would change: documents to store and to remove, or the index that is searched.
select document_id as changed
from corpus.ingestion_file
where ingestion_id = %(ingestion_id)s and action in ('store', 'remove')
union all
select ingestion_id
from corpus.ingestion
join corpus.vector_index on vector_index.index_id = ingestion.index_id
where ingestion_id = %(ingestion_id)s and vector_index.state = 'building'
limit 1
