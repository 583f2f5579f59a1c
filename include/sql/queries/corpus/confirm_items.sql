-- Documents that their source has called the same, when it was asked for them.
update corpus.source_item
set confirmed_at = now(), problem_code = null, problem = null
where source_id = %(source_id)s and path = any (%(paths)s) and sha256 is not null
