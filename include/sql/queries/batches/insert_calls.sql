-- Write the calls of new batches, one a line, with the periods of budgets that they count for: of a budget by user, the
-- lines of that user.
with common as materialized (
    select share.batch_id, array_agg(share.period_id order by share.period_id) as periods
    from ledger.batch_share as share
    join ledger.budget_period as period on period.period_id = share.period_id
    where share.batch_id = any(%(batch_ids)s) and period.scope <> 'user'
    group by share.batch_id
),
own as materialized (
    select share.batch_id, period.name as user_ref, array_agg(share.period_id order by share.period_id) as periods
    from ledger.batch_share as share
    join ledger.budget_period as period on period.period_id = share.period_id
    where share.batch_id = any(%(batch_ids)s) and period.scope = 'user'
    group by share.batch_id, period.name
)
insert into ledger.call (
    call_id, at, state, tenant, project, team, user_ref, session_ref, use, route, region, endpoint, model, prompt_name,
    prompt_version, prompt_sha256, prompt_approver, request_sha256, inputs, tokens_planned, tokens_out_planned,
    usd_per_million_in, usd_per_million_out, usd_per_million_cached, cost_planned_usd, mends, sensitivity, batch_id,
    trace_id, dag_id, dag_run_id, task_id, run_id, code_version, budget_periods
)
select
    line.call_id, batch.called_at, 'reserved', line.tenant, plan.project, plan.team, line.user_ref, line.session_ref,
    plan.use, plan.route, plan.region, plan.endpoint, plan.model, plan.prompt_name, plan.prompt_version,
    plan.prompt_sha256, plan.prompt_approver, sha256(planned.keys), cardinality(line.keys), planned.tokens,
    line.tokens_out, plan.usd_per_million_in, plan.usd_per_million_out, plan.usd_per_million_cached,
    round((planned.tokens * plan.usd_per_million_in + line.tokens_out * plan.usd_per_million_out) / 1000000, 9),
    line.mends, plan.sensitivity, batch.batch_id::text, plan.trace_id, plan.dag_id, plan.dag_run_id, plan.task_id,
    plan.run_id, plan.code_version,
    nullif(coalesce(common.periods, '{}') || coalesce(own.periods, '{}'), '{}')
from ledger.batch
join ledger.batch_plan as plan on plan.plan_id = batch.plan_id
join ledger.batch_line as line on line.batch_id = batch.batch_id
left join common on common.batch_id = batch.batch_id
left join own on own.batch_id = batch.batch_id and own.user_ref = line.user_ref
cross join lateral (
    select sum(input.tokens)::bigint as tokens, string_agg(input.key, ''::bytea order by input.place) as keys
    from unnest(line.keys, line.tokens) with ordinality as input (key, tokens, place)
) as planned
where batch.batch_id = any(%(batch_ids)s) and line.batch_id = any(%(batch_ids)s)
