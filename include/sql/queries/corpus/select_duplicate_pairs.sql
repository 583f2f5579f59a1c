-- Documents that are at least so much the same, two by two; those without a similarity have the very same text.
select first_document_id, second_document_id, similarity
from corpus.duplicate_pair
where similarity >= %(at_least)s
union all
select same_as, document_id, null
from corpus.document_signature
where same_as is not null
