-- A plan is begun: its lines come page by page, its calls when it is complete.
insert into ledger.batch_plan (
    plan_id, tenant, state, use, route, endpoint, region, model, answers_as, dimensions, prompt_name, prompt_version,
    prompt_sha256, prompt_approver, sensitivity, usd_per_million_in, usd_per_million_out, usd_per_million_cached, holder,
    project, team, trace_id, dag_id, dag_run_id, task_id, run_id, code_version
)
values (
    %(plan_id)s, %(tenant)s, 'planning', %(use)s, %(route)s, %(endpoint)s, %(region)s, %(model)s, %(answers_as)s,
    %(dimensions)s, %(prompt_name)s, %(prompt_version)s, %(prompt_sha256)s, %(prompt_approver)s, %(sensitivity)s,
    %(usd_per_million_in)s, %(usd_per_million_out)s, %(usd_per_million_cached)s, %(holder)s, %(project)s, %(team)s,
    %(trace_id)s, %(dag_id)s, %(dag_run_id)s, %(task_id)s, %(run_id)s, %(code_version)s
)
