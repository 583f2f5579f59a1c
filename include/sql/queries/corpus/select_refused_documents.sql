-- What could not be taken in, and why, by source and path, after a place in that order, a page of it.
select
    source.name as source, refused.path, refused.code, refused.reason, refused.bytes, refused.still_published,
    refused.first_refused_at, refused.last_refused_at
from corpus.refused_document as refused
join corpus.source on source.source_id = refused.source_id
where (%(source)s::text is null or source.name = %(source)s)
    and (%(path)s::text is null or starts_with(refused.path, %(path)s))
    and (source.name, refused.path) > (%(after_source)s, %(after_path)s)
order by source.name, refused.path
limit %(page)s
