-- All items: what waits by its due time, then what has ended, the latest first.
select
    item_id, tenant, kind, subject_kind, subject_id, reason, urgency, summary, context, decisions, run_id, dag_id, dag_run_id,
    created_at, due_at, addressed_to, state, assigned_to, decision, decided_by, decided_at, note
from review.item
order by
    state in ('decided', 'withdrawn'),
    case when state in ('open', 'assigned') then due_at end,
    decided_at desc,
    item_id
limit %(most)s
