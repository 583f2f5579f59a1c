-- A call is about to be sent, and what it would buy.
with call as (
    insert into ledger.call (
        call_id, at, state, tenant, project, team, user_ref, session_ref, use, route, region, endpoint, model, prompt_name,
        prompt_version, prompt_sha256, prompt_approver, request_sha256, inputs, tokens_planned, tokens_out_planned,
        usd_per_million_in, usd_per_million_out, usd_per_million_cached, cost_planned_usd, mends, sensitivity, trace_id, dag_id,
        dag_run_id, task_id, run_id, code_version, sent_at, budget_periods
    )
    values (
        %(call_id)s, clock_timestamp(), 'sent', %(tenant)s, %(project)s, %(team)s, %(user_ref)s, %(session_ref)s, %(use)s,
        %(route)s, %(region)s, %(endpoint)s, %(model)s, %(prompt_name)s, %(prompt_version)s, %(prompt_sha256)s,
        %(prompt_approver)s, %(request_sha256)s, %(inputs)s, %(tokens_planned)s, %(tokens_out_planned)s,
        %(usd_per_million_in)s, %(usd_per_million_out)s, %(usd_per_million_cached)s, %(cost_planned_usd)s, %(mends)s,
        %(sensitivity)s, %(trace_id)s, %(dag_id)s, %(dag_run_id)s, %(task_id)s, %(run_id)s, %(code_version)s, clock_timestamp(),
        %(budget_periods)s
    )
    returning call_id, at, tenant, use, endpoint, model, run_id
)
insert into ledger.intent (
    call_id, call_at, tenant, use, endpoint, model, dimensions, keys, tokens, request, holder, run_id,
    lease, budget_periods, reserved_usd
)
select
    call_id, at, tenant, use, endpoint, model, %(dimensions)s, %(keys)s, %(tokens)s, %(request)s, %(holder)s, run_id,
    %(lease)s, %(budget_periods)s, %(reserved_usd)s
from call
returning call_at
