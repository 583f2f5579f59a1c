-- No document of the source is staged without being planned.
-- severity: block
-- `except` is hashed whatever the planner guesses, where an anti join over rows without statistics was a nested loop.
select staged.document_id
from corpus.staged_document as staged
where staged.source_id = (select source_id from corpus.ingestion where ingestion_id = %(ingestion_id)s)
except
select file.document_id
from corpus.ingestion_file as file
where file.ingestion_id = %(ingestion_id)s and file.action = 'store'
