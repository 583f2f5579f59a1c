-- The versions that they replace.
update corpus.document_version
set superseded_at = now()
from corpus.document
join corpus.staged_document as staged on staged.document_id = document.document_id
where staged.source_id = %(source_id)s
    and document_version.version_id = document.version_id
    and staged.version_id <> document.version_id
