-- No process that is gone has kept a part of a budget that none of its calls needs.
-- severity: warn
select period_id, granted_usd - open_usd - spent_usd as kept_usd
from ledger.lease
where granted_usd > open_usd and not ledger.holder_lives(holder)
