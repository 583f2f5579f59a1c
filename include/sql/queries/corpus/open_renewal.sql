-- Open the version that takes the place of a worn graph; null, where it is not worn.
select corpus.open_renewal(%(tenant)s, %(share)s, %(least)s, %(age)s::interval) as index_id
