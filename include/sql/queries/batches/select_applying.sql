-- The budgets that apply to lines of these batches of one plan, and the day or month of each, where it has begun.
select budget.budget_id, period.period_id
from ledger.budget
left join ledger.budget_period as period
    on period.tenant = budget.tenant
    and period.scope = budget.scope
    and period.name = budget.name
    and period.period = budget.period
    and period.starts_on = date_trunc(budget.period, %(day)s::date::timestamp)::date
where budget.tenant = %(tenant)s
    and budget.valid_until is null
    and (
        (budget.scope, budget.name) in (
            select subject.scope, subject.name
            from ledger.batch
            join ledger.batch_plan as plan on plan.plan_id = batch.plan_id
            cross join lateral (
                values ('everything', ''), ('project', plan.project), ('team', plan.team), ('use', plan.use)
            ) as subject (scope, name)
            where batch.batch_id = any(%(batch_ids)s)
        )
        or budget.scope = 'user'
        and budget.name in (
            select line.user_ref from ledger.batch_line as line
            where line.batch_id = any(%(batch_ids)s) and line.user_ref is not null
        )
    )
