-- Chunks that go with this publication: of documents that changed or left.
create temporary table gone_chunk on commit drop as
select chunk.chunk_id, chunk.answer_key
from corpus.chunk
join corpus.ingestion_file as file on file.document_id = chunk.document_id and file.ingestion_id = %(ingestion_id)s
left join corpus.staged_chunk as staged on staged.document_id = chunk.document_id and staged.chunk_id = chunk.chunk_id
where (file.action = 'remove' or file.action = 'store') and staged.chunk_id is null
