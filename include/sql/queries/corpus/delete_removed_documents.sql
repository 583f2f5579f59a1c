-- Documents that left the source.
delete from corpus.document
using corpus.ingestion_file as file
where file.ingestion_id = %(ingestion_id)s and file.action = 'remove' and document.document_id = file.document_id
