-- How many documents and how many different texts are staged.
select count(distinct document.document_id) as documents, count(distinct staged.answer_key) as keys
from corpus.staged_document as document
left join corpus.staged_chunk as staged on staged.document_id = document.document_id
where document.source_id = %(source_id)s
