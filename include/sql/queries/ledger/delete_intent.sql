-- A call has ended; nothing is touched when somebody else has ended it.
delete from ledger.intent where call_id = %(call_id)s
