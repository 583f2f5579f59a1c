-- The versions of a document, newest first.
select version_id as id, path as name, text_sha256 as sha256, published_at, superseded_at, removed_at
from corpus.document_version
where document_id = %(id)s
order by published_at desc
limit %(most)s
