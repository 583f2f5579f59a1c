-- A person says that the provider no longer has a batch.
update ledger.batch
set provider_state = %(said)s
where batch_id = %(batch_id)s and state in ('submitted', 'ended')
