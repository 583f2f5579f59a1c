-- The prices of a model in force on a day, by kind of token: the latest that have begun.
select distinct on (kind) kind, usd_per_million
from ledger.price
where model = %(model)s and service = %(service)s and valid_from <= %(day)s
order by kind, valid_from desc
