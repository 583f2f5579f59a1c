-- The customer list in force.
select listing_id, entries, loaded_by, loaded_at
from privacy.listing
