-- The bands of some signatures, each with its document.
insert into corpus.signature_band (tenant, document_id, band)
select %(tenant)s, given.*
from unnest(%(document_ids)s::uuid[], %(bands)s::bigint[]) as given
