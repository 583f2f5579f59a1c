-- A part of a plan, as far as its lines are written.
insert into ledger.batch (
    batch_id, plan_id, tenant, part, attempt, parent, state, lines, inputs, bytes, tokens, tokens_out, cost_planned_usd
)
values (
    %(batch_id)s, %(plan_id)s, %(tenant)s, %(part)s, %(attempt)s, %(parent)s, 'planned', %(lines)s, %(inputs)s, %(bytes)s,
    %(tokens)s, %(tokens_out)s, %(cost_usd)s
)
on conflict (batch_id) do update set
    lines = excluded.lines, inputs = excluded.inputs, bytes = excluded.bytes, tokens = excluded.tokens,
    tokens_out = excluded.tokens_out, cost_planned_usd = excluded.cost_planned_usd
