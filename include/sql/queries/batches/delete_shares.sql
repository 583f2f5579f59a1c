-- A batch, which is held, has no line left that may cost anything: what was still reserved for it, and on whose leases.
delete from ledger.batch_share where batch_id = %(batch_id)s
returning period_id, lease, reserved_usd
