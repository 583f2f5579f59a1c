-- A provider is healthy again, as far as is known.
delete from ledger.breaker
where endpoint = %(endpoint)s and model = %(model)s
