-- Documents that may be nearly the same as these: they share a band, and have about as many shingles.
-- Of each band the first so many are looked at, and of these the likeliest are returned: many thousands of one template
-- are each compared with some of them, not with all.
select document_id, version_id, other_document_id, other_version_id
from (
    select
        own.document_id, own.version_id,
        other.document_id as other_document_id, other.version_id as other_version_id,
        row_number() over (partition by own.document_id order by count(*) desc, other.document_id) as place
    from corpus.document_signature as own
    join corpus.signature_band as mine on mine.document_id = own.document_id
    cross join lateral (
        select theirs.document_id
        from corpus.signature_band as theirs
        where theirs.tenant = mine.tenant and theirs.band = mine.band
        order by theirs.document_id
        limit %(most_a_band)s
    ) as met
    join corpus.document_signature as other on other.document_id = met.document_id
    where own.document_id = any(%(document_ids)s)
        and other.document_id <> own.document_id
        and least(own.shingles, other.shingles) >= %(at_least)s * greatest(own.shingles, other.shingles)
    group by own.document_id, other.document_id
) as shared
where place <= %(most)s
order by document_id, place
