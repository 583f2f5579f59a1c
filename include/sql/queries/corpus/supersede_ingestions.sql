-- A new scan of the source makes earlier plans worthless.
with old as (
    update corpus.ingestion set state = 'superseded'
    where source_id = %(source_id)s and state = 'scanned'
    returning ingestion_id
)
delete from corpus.ingestion_file using old where ingestion_file.ingestion_id = old.ingestion_id
