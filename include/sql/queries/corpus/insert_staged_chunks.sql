-- Stage their chunks.
insert into corpus.staged_chunk select * from incoming_chunk
