-- Ingestions under way that were to fill another index begin anew with the next scan of their sources.
with old as (
    update corpus.ingestion set state = 'superseded'
    where state = 'scanned' and index_id <> %(index_id)s
    returning ingestion_id
)
delete from corpus.ingestion_file using old where ingestion_file.ingestion_id = old.ingestion_id
