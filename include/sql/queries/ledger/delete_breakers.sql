-- A person says that providers are healthy again: all, or one model.
delete from ledger.breaker
where %(model)s::text is null or model = %(model)s
returning endpoint, model
