-- The price of a model in force on a day: the latest that has begun.
select usd_per_million
from ledger.price
where model = %(model)s and service = %(service)s and kind = %(kind)s and valid_from <= %(day)s
order by valid_from desc
limit 1
