-- The plan has been carried out.
delete from corpus.ingestion_file where ingestion_id = %(ingestion_id)s
