-- All prices in force on a day, or with a day of their own to come.
select
    price.model, price.service, price.kind, price.valid_from, price.usd_per_million, price.source,
    price.valid_from > %(day)s as to_come
from ledger.price
where price.valid_from > %(day)s
    or price.valid_from = (
        select max(other.valid_from)
        from ledger.price as other
        where other.model = price.model
            and other.service = price.service
            and other.kind = price.kind
            and other.valid_from <= %(day)s
    )
order by price.model, price.service desc, price.valid_from, price.kind
