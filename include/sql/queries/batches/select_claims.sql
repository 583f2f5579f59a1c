-- Which batch is buying some of these keys, when it is expected at the latest, and whether a person must decide first.
select
    key.batch_id, count(*) over () as inputs, batch.submitted_at + interval '1 day' as expected,
    exists (
        select from ledger.batch_line as line
        where line.batch_id = key.batch_id and line.call_id = key.call_id and line.left_as = 'unknown'
    ) as unknown
from ledger.batch_key as key
join ledger.batch on batch.batch_id = key.batch_id
where key.key = any(%(keys)s)
order by unknown desc, expected desc
limit 1
