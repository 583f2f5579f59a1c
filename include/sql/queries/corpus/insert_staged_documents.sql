-- Stage the documents.
insert into corpus.staged_document select * from incoming_document
