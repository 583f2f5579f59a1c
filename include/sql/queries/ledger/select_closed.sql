-- For how many seconds more the provider asked everyone to wait.
select greatest(0, coalesce(extract(epoch from closed_until - clock_timestamp()), 0))::double precision as closed
from ledger.bucket
where endpoint = %(endpoint)s and model = %(model)s
