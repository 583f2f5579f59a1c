-- Whether nobody else is looking at the source now; held until it is let go, or the session ends.
select pg_try_advisory_lock(hashtextextended(%(key)s, 0)) as alone
