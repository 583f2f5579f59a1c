-- A tool has been called: written in the transaction of what it did.
insert into ledger.effect (effect_key, tenant, tool, answer_key, result, run_id)
values (%(key)s, %(tenant)s, %(tool)s, %(answer_key)s, %(result)s, %(run_id)s)
