-- Files of a source that are refused now.
select path, code, reason, still_published
from corpus.refused_document
where source_id = %(source_id)s
order by path
limit %(page)s
