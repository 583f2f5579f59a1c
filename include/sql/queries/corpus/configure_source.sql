-- Configure a source: what is known from it, if anything, stays until it is read again.
insert into corpus.source (
    source_id, tenant, name, kind, location, options, owner, sensitivity, keep_days, every_minutes, enabled, configured_at
)
values (
    %(source_id)s, %(tenant)s, %(name)s, %(kind)s, %(location)s, %(options)s, %(owner)s, %(sensitivity)s, %(keep_days)s,
    %(every_minutes)s, %(enabled)s, case when %(configured)s then now() end
)
on conflict (source_id) do update
set kind = excluded.kind, location = excluded.location, options = excluded.options, owner = excluded.owner,
    sensitivity = excluded.sensitivity, keep_days = excluded.keep_days, every_minutes = excluded.every_minutes,
    enabled = excluded.enabled, configured_at = excluded.configured_at, refreshed_as = null
