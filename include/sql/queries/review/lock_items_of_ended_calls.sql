-- Questions about calls that have ended in the meantime: their intent, or their line of a batch, is gone.  They are held
-- until they are withdrawn; those that somebody else holds are left to whoever that is.
select item.item_id
from review.item
where item.kind = 'unknown_call'
    and item.state in ('open', 'assigned')
    and not exists (
        select from ledger.intent where intent.call_id::text = item.subject_id
    )
    and not exists (
        select from ledger.batch_line as line
        where line.left_as = 'unknown' and line.call_id::text = item.subject_id
    )
order by item.item_id
for update of item skip locked
