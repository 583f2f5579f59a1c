-- One batch, with what its plan says of all its lines, and for how many seconds it has been intended,
-- submitted and ended.
select
    batch.*, plan.use, plan.route, plan.endpoint, plan.model, plan.answers_as, plan.dimensions,
    plan.usd_per_million_in, plan.usd_per_million_out, plan.usd_per_million_cached,
    extract(epoch from clock_timestamp() - batch.intended_at)::double precision as intended_for,
    extract(epoch from clock_timestamp() - batch.submitted_at)::double precision as submitted_for,
    extract(epoch from clock_timestamp() - batch.ended_at)::double precision as ended_for,
    extract(epoch from batch.not_before - clock_timestamp())::double precision as wait
from ledger.batch
join ledger.batch_plan as plan on plan.plan_id = batch.plan_id
where batch.batch_id = %(batch_id)s
