-- One claim at a time for a tenant and a model: two workers must not find the same key free.
select pg_advisory_xact_lock(hashtextextended(format('plumbline.ledger.claim/%%s/%%s', %(tenant)s::text, %(model)s::text), 0))
