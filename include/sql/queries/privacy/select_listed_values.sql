-- Every value of the customer list, sealed.
select kind, fingerprint, key_id, sealed
from privacy.listed_value
