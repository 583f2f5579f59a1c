-- Three titles of documents in the source of one ingestion: something to search for.
select document.title
from corpus.ingestion
join corpus.document on document.source_id = ingestion.source_id
where ingestion.ingestion_id = %(ingestion_id)s and document.title is not null
order by document.document_id
limit 3
