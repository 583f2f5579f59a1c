-- Write what these new batches can cost in each of these periods, and say how much that is of all of them together: of a
-- budget by user, the lines of that user, and of any other, all lines.
with asked as (
    select line.batch_id, line.tenant, line.user_ref,
        sum(round((planned.tokens * plan.usd_per_million_in + line.tokens_out * plan.usd_per_million_out) / 1000000, 9)) as usd
    from ledger.batch
    join ledger.batch_plan as plan on plan.plan_id = batch.plan_id
    join ledger.batch_line as line on line.batch_id = batch.batch_id
    cross join lateral (select sum(token)::bigint as tokens from unnest(line.tokens) as of_line (token)) as planned
    where batch.batch_id = any(%(batch_ids)s) and line.batch_id = any(%(batch_ids)s)
    group by line.batch_id, line.tenant, line.user_ref
),
period as (
    select period_id, scope, name from ledger.budget_period where period_id = any(%(periods)s)
),
counted as (
    select asked.batch_id, asked.tenant, asked.usd, period.period_id
    from asked
    cross join period
    where period.scope <> 'user'
    union all
    select asked.batch_id, asked.tenant, asked.usd, period.period_id
    from asked
    join period on period.name = asked.user_ref
    where period.scope = 'user'
),
share as (
    insert into ledger.batch_share (batch_id, period_id, tenant, lease, reserved_usd)
    select batch_id, period_id, tenant, %(holder)s, sum(usd)
    from counted
    group by batch_id, period_id, tenant
    returning period_id, reserved_usd
)
select period_id, sum(reserved_usd) as usd
from share
group by period_id
