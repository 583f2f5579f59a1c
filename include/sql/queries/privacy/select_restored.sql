-- The sealed values of a use that was written down.
select kind, pseudonym_id, key_id, sealed
from privacy.restored_values(%(tenant)s, %(restoration_id)s)
