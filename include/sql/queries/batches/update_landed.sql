-- Every line of a batch has its end.
update ledger.batch
set state = 'landed', landed_at = clock_timestamp(), settled = %(settled)s, refused = %(refused)s, failed = %(failed)s,
    expired = %(expired)s, unknown = %(unknown)s, strange = %(strange)s, doubled = %(doubled)s, cost_usd = %(cost_usd)s
where batch_id = %(batch_id)s and state = 'ended'
