-- Let go of the lock: what this process has not ended, it will not end.
select pg_advisory_unlock(%(holder)s)
