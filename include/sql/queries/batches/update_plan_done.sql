-- Every part of a plan has ended, and nothing that expired, or does not fit, waits to be asked for again.
update ledger.batch_plan
set state = 'done', done_at = clock_timestamp()
where plan_id = %(plan_id)s
    and state = 'planned'
    and not exists (select from ledger.batch where batch.plan_id = batch_plan.plan_id and cleaned_at is null)
    and not exists (
        select from ledger.batch
        join ledger.batch_line as line on line.batch_id = batch.batch_id
        where batch.plan_id = batch_plan.plan_id and line.left_as in ('expired', 'invalid')
    )
