-- What an open ingestion would change: documents to store and to remove.
select document_id
from corpus.ingestion_file
where ingestion_id = %(ingestion_id)s and action in ('store', 'remove')
limit 1
