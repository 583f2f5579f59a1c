-- Hold a plan until the end of the transaction: nobody else numbers parts of it, or ends it.
select * from ledger.batch_plan where plan_id = %(plan_id)s for no key update
