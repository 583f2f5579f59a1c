-- Every staged chunk has a bought embedding.
-- severity: block
select staged.chunk_id, staged.document_id
from corpus.staged_chunk as staged
join corpus.staged_document as document on document.document_id = staged.document_id
left join ledger.answer on answer.key = staged.answer_key and answer.vector is not null
where document.source_id = (select source_id from corpus.ingestion where ingestion_id = %(ingestion_id)s) and answer.key is null
