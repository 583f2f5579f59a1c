-- Stage whole documents with their chunks, in place of what an earlier try left of them.
with gone as (
    delete from corpus.staged_document
    using incoming_document as incoming
    where staged_document.document_id = incoming.document_id
    returning staged_document.document_id
)
select count(*) as replaced from gone
