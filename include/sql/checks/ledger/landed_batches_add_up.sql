-- Every line of a batch that landed in the last month has one end in the book.
-- severity: block
select batch.batch_id
from ledger.batch
left join ledger.call on call.batch_id = batch.batch_id::text and call.at = batch.called_at
where batch.landed_at > now() - interval '1 month'
group by batch.batch_id
having count(call.call_id) <> batch.lines or count(*) filter (where call.state in ('reserved', 'sent')) > 0
