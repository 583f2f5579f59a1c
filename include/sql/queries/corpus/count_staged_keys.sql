-- How many different texts the staged documents have.
select count(distinct staged.answer_key) as keys
from corpus.staged_chunk as staged
join corpus.staged_document as document on document.document_id = staged.document_id
where document.source_id = %(source_id)s
