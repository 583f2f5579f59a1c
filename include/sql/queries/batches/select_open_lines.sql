-- Those of these lines that have not ended.
select call_id, keys, tokens, tokens_out, request, mends
from ledger.batch_line
where batch_id = %(batch_id)s and call_id = any(%(call_ids)s) and left_as is null
