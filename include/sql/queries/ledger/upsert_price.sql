-- Bring one dated price up to date.
insert into ledger.price (model, service, kind, valid_from, usd_per_million, source)
values (%(model)s, %(service)s, %(kind)s, %(valid_from)s, %(usd_per_million)s, %(source)s)
on conflict (model, service, kind, valid_from)
do update set usd_per_million = excluded.usd_per_million, source = excluded.source
