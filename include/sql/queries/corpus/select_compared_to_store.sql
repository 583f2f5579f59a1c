-- The next files that a run would read, after a path.
select path, document_id, kind, bytes, sha256
from compared
where action = 'store' and path > %(after)s
order by path
limit %(page)s
