-- Open plans that a step waits for: those that hold what it wants, and what its earlier tries have left; oldest first.
select plan_id
from ledger.batch_plan
where state = 'planned'
    and plan_id <> %(plan_id)s
    and (
        plan_id = any(%(holding)s)
        or (
            dag_id = %(dag_id)s and dag_run_id = %(dag_run_id)s and task_id = %(task_id)s
            and use = %(use)s and model = %(model)s and endpoint = %(endpoint)s
        )
    )
order by planned_at, plan_id
