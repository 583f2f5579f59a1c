-- The documents that stand for all with the same text, where there is one.
select text_sha256, document_id
from corpus.document_signature
where text_sha256 = any(%(text_sha256s)s) and same_as is null
