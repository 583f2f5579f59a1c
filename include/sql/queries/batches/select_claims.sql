-- Which batch is buying some of these keys, when it is expected at the latest, and whether a person must decide first,
-- or there must be room in a budget.
select
    key.batch_id, count(*) over () as inputs, batch.submitted_at + interval '1 day' as expected,
    exists (
        select from ledger.batch_line as line
        where line.batch_id = key.batch_id and line.call_id = key.call_id and line.left_as = 'unknown'
    ) as unknown,
    batch.cleaned_at is not null and exists (
        select from ledger.batch_line as line
        where line.batch_id = key.batch_id and line.call_id = key.call_id and line.left_as = 'expired'
    ) as waiting
from ledger.batch_key as key
join ledger.batch on batch.batch_id = key.batch_id
where key.key = any(%(keys)s)
order by unknown desc, waiting desc, expected desc
limit 1
