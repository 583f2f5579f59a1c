-- The request of a call that has not ended, byte for byte.
select request from ledger.intent where call_id = %(call_id)s
