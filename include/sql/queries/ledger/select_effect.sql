-- What a tool gave back when it was called.
select result from ledger.effect where effect_key = %(key)s
