-- Copy, build, swap.
select corpus.renew_index(%(tenant)s, %(index_id)s) as copied
