-- What is known of each document of a source, to ask only for what is new.
select path, address, sha256, etag, last_modified, modified_at, fetched_at, confirmed_at, problem_code, content is not null as held
from corpus.source_item
where source_id = %(source_id)s
