-- How many documents were not compared with the others yet.
select count(*)
from corpus.document
where not exists (select from corpus.document_signature as signature where signature.document_id = document.document_id)
