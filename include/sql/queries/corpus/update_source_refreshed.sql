-- The source was asked for its documents, and answered.
update corpus.source
set refreshed_at = now(), refreshed_as = %(refreshed_as)s, problem = null, look_began_at = null
where source_id = %(source_id)s
