-- The look at the source is over.
select pg_advisory_unlock(hashtextextended(%(key)s, 0))
