-- What a new batch can cost is reserved: where, and how much.
update ledger.batch
set lease = %(lease)s, budget_periods = %(budget_periods)s, reserved_usd = %(reserved_usd)s
where batch_id = %(batch_id)s
