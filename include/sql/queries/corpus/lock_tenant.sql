-- One at a time for a tenant: opening an ingestion, publishing one, and building its indexes.
-- Held to the end of the transaction: so that nobody deletes an answer which somebody has just found.
select pg_advisory_xact_lock(hashtextextended('corpus.publication ' || %(tenant)s, 0))
