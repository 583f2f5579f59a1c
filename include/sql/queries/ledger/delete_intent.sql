-- A call has ended; nothing is touched when somebody else has ended it.  Says what it had reserved, and where.
delete from ledger.intent where call_id = %(call_id)s
returning lease, budget_periods, reserved_usd
