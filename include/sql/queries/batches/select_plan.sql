-- One plan.
select * from ledger.batch_plan where plan_id = %(plan_id)s
