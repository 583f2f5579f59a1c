-- Every staged document has at least one chunk.
-- severity: block
select staged.document_id
from corpus.staged_document as staged
where staged.source_id = (select source_id from corpus.ingestion where ingestion_id = %(ingestion_id)s)
    and not exists (select from corpus.staged_chunk as chunk where chunk.document_id = staged.document_id)
