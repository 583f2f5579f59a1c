-- Batches, newest plan first: those that are under way, or have lines that wait to be asked for again, or put
-- right, or all.
select
    batch.batch_id, batch.plan_id, plan.use, plan.model, batch.part, batch.attempt, batch.parent, batch.state,
    batch.provider_state, batch.provider_batch_id, batch.lines, batch.settled, batch.refused, batch.failed, batch.expired,
    batch.unknown, batch.strange, batch.doubled, batch.cost_planned_usd, batch.cost_usd, batch.not_before,
    batch.submitted_at, batch.ended_at, batch.landed_at, batch.cleaned_at, batch.cancel_asked_at, batch.error,
    coalesce(batch.submitted_at, plan.planned_at) as since, expired.lines as waiting
from ledger.batch
join ledger.batch_plan as plan on plan.plan_id = batch.plan_id
cross join lateral (
    select count(*) as lines
    from ledger.batch_line as line
    where line.batch_id = batch.batch_id and line.left_as in ('expired', 'invalid') and batch.state = 'landed'
) as expired
where plan.state <> 'planning'
    and (%(every)s or batch.cleaned_at is null or expired.lines > 0)
    and (%(batch_id)s::uuid is null or batch.batch_id = %(batch_id)s)
order by plan.planned_at desc, batch.part, batch.attempt
