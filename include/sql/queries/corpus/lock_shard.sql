-- Two tries at one shard (one of them taken for dead) write one after the other.
select pg_advisory_xact_lock(hashtextextended('corpus.shard ' || %(ingestion_id)s || ' ' || %(shard)s, 0))
