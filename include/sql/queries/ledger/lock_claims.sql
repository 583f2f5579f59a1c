-- One claim at a time for a tenant and a model: two workers must not find the same key free.
-- Says on the way whether any budget is in force, and keeps budgets from being changed until the claim is committed.
select
    ledger.join_budgets(%(tenant)s, %(alone)s) as budgets,
    pg_advisory_xact_lock(hashtextextended(format('plumbline.ledger.claim/%%s/%%s', %(tenant)s::text, %(model)s::text), 0))
