-- The next lines of a batch's file.
select call_id, request
from ledger.batch_line
where batch_id = %(batch_id)s and call_id > %(after)s
order by call_id
limit %(page)s
