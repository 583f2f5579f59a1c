-- A person has decided about so many lines of a batch, which is held; says how many are still in doubt.
update ledger.batch
set unknown = unknown - %(lines)s, failed = failed + %(lines)s, cost_usd = cost_usd + %(cost_usd)s
where batch_id = %(batch_id)s
returning unknown
