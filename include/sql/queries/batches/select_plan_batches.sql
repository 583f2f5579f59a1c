-- The batches of a plan, in the order in which they are worked on; none before its calls are written.
select
    batch.*, extract(epoch from not_before - clock_timestamp())::double precision as wait,
    exists (
        select from ledger.batch_line as line
        where line.batch_id = batch.batch_id and line.left_as in ('expired', 'invalid')
    ) as resubmits
from ledger.batch
where plan_id = %(plan_id)s
    and exists (select from ledger.batch_plan as plan where plan.plan_id = batch.plan_id and plan.state <> 'planning')
order by part, attempt
