-- A part of a customer list.
insert into privacy.listed_value (tenant, kind, fingerprint, key_id, sealed)
select %(tenant)s, new.kind, new.fingerprint, %(key_id)s, new.sealed
from unnest(%(kinds)s::text[], %(fingerprints)s::bytea[], %(sealed)s::bytea[]) as new (kind, fingerprint, sealed)
