-- A plan that came to nothing, with its lines.
delete from ledger.batch_plan where plan_id = %(plan_id)s and state = 'planning'
