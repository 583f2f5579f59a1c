-- Whether the ingestion is still open; it stays so until this transaction ends.
select ingestion_id from corpus.ingestion where ingestion_id = %(ingestion_id)s and state = 'scanned' for share
