-- The signatures of some documents; those with a text that another has refer to it.
insert into corpus.document_signature (tenant, method, document_id, version_id, text_sha256, same_as, shingles)
select %(tenant)s, %(method)s, given.*
from unnest(
    %(document_ids)s::uuid[], %(version_ids)s::uuid[], %(text_sha256s)s::bytea[], %(same_as)s::uuid[], %(shingles)s::integer[]
) as given
