-- The calls of a batch are about to be sent.
update ledger.call
set state = 'sent', sent_at = clock_timestamp(), attempts = attempts + 1
where batch_id = %(batch_id)s::text and at = %(called_at)s and state = 'reserved'
