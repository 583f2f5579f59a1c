-- Batches of calls since a day that have lines that have not ended; they are held until the transaction ends, so that
-- none of their lines ends meanwhile.
select batch_id
from ledger.batch
where called_at >= %(since)s::date::timestamp at time zone 'UTC'
    and exists (
        select from ledger.batch_line as line
        where line.batch_id = batch.batch_id and (line.left_as is null or line.left_as = 'unknown')
    )
order by batch_id
for update
