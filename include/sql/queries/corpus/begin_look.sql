-- A look begins, or goes on that was cut off within the last day.
update corpus.source
set look_began_at = case when look_began_at > now() - interval '1 day' then look_began_at else now() end
where source_id = %(source_id)s and configured_at is not null
returning look_began_at, refreshed_as, problem
