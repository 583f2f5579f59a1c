-- A batch, which is held, has no line left that may cost anything: what was still reserved for it, and on whose leases.
with gone as (
    delete from ledger.batch_share where batch_id = %(batch_id)s returning period_id, lease, reserved_usd
)
select period_id, lease, reserved_usd from gone where reserved_usd > 0
