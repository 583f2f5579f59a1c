-- One at a time looks for room at a model, and takes it.
select pg_advisory_xact_lock(hashtextextended(format('plumbline.ledger.room/%%s/%%s', %(endpoint)s::text, %(model)s::text), 0))
