-- What waits for a person, first what is due first; so what is overdue stands on top.
select
    item_id, tenant, kind, subject_kind, subject_id, reason, urgency, summary, context, decisions, run_id, dag_id, dag_run_id,
    created_at, due_at, addressed_to, state, assigned_to, decision, decided_by, decided_at, note
from review.item
where state in ('open', 'assigned')
order by due_at, item_id
limit %(most)s
