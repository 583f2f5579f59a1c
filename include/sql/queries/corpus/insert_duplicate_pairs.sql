-- Pairs of documents that are nearly the same; a pair that is known stays as it is.
insert into corpus.duplicate_pair (tenant, first_document_id, second_document_id, similarity)
select %(tenant)s, given.*
from unnest(%(firsts)s::uuid[], %(seconds)s::uuid[], %(similarities)s::double precision[]) as given
on conflict do nothing
