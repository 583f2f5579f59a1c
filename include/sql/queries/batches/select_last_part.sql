-- How many parts a plan has.
select max(part) from ledger.batch where plan_id = %(plan_id)s
