-- A source as it is configured, or as it was read.
select source_id, name, kind, location, options, owner, sensitivity, keep_days, every_minutes, enabled, configured_at, refreshed_at,
    refreshed_as, problem
from corpus.source
where source_id = %(source_id)s
