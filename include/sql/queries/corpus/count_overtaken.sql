-- Ingestions under way that are to fill another index than this.
select count(*) as overtaken from corpus.ingestion where state = 'scanned' and index_id <> %(index_id)s
