-- Hold the lock by which others know that this process is alive, until the session ends.
select pg_try_advisory_lock(%(holder)s)
