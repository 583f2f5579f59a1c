-- A batch did not come to be at the provider, which said so: its calls are as they were.
update ledger.call
set state = 'reserved', sent_at = null
where batch_id = %(batch_id)s::text and at = %(called_at)s and state = 'sent'
