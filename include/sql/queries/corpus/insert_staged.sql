-- Stage whole documents with their chunks.
with document as (
    insert into corpus.staged_document select * from incoming_document
)
insert into corpus.staged_chunk select * from incoming_chunk
