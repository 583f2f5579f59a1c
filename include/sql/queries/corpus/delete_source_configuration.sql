-- A forgotten source is nothing but a name in the history: what was configured goes, and the name is free again.
update corpus.source
set configured_at = null, enabled = false, options = '{}', keep_days = null, problem = null, refreshed_at = null,
    refreshed_as = null, started_at = null, look_began_at = null,
    kind = 'folder', location = case when kind = 'folder' then location else '' end
where source_id = %(source_id)s
