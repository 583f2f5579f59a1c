-- Lines that stay: expired, or unknown.
update ledger.batch_line
set left_as = %(left_as)s
where batch_id = %(batch_id)s and call_id = any(%(call_ids)s) and left_as is null
