-- What should have been decided by a moment and was not, longest first.
select
    item_id, tenant, kind, subject_kind, subject_id, reason, urgency, summary, context, decisions, run_id, dag_id, dag_run_id,
    created_at, due_at, addressed_to, state, assigned_to, decision, decided_by, decided_at, note
from review.item
where state in ('open', 'assigned')
    and due_at <= %(now)s
order by due_at, item_id
