-- A file turned out unreadable.
update corpus.ingestion_file
set action = 'refuse', reason_code = %(code)s, reason = %(reason)s
where ingestion_id = %(ingestion_id)s and path = %(path)s
