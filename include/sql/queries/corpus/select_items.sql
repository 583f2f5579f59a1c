-- What was fetched from a source, in the order of its paths, as it counts now.
select path, address, kind, bytes, sha256, modified_at, problem_code, problem
from corpus.source_item
where source_id = %(source_id)s
order by path collate "C"
