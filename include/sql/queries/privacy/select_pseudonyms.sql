-- The pseudonyms of values, by their fingerprints under any key; the oldest first, where a change of keys made two.
select kind, fingerprint, pseudonym_id
from privacy.pseudonym
where fingerprint = any (%(fingerprints)s)
order by made_at, pseudonym_id
