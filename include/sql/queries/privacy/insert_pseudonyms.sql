-- Keep new pseudonyms.  What another worker kept a moment earlier stays; in one order, so that two never wait for each
-- other.
insert into privacy.pseudonym (tenant, pseudonym_id, kind, fingerprint, key_id, sealed)
select %(tenant)s, new.pseudonym_id, new.kind, new.fingerprint, %(key_id)s, new.sealed
from unnest(%(ids)s::text[], %(kinds)s::text[], %(fingerprints)s::bytea[], %(sealed)s::bytea[])
    as new (pseudonym_id, kind, fingerprint, sealed)
order by new.kind, new.fingerprint
on conflict do nothing
