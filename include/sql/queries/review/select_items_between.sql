-- Items whose id begins in a way, at most two: one is found, two are ambiguous.
select
    item_id, tenant, kind, subject_kind, subject_id, reason, urgency, summary, context, decisions, run_id, dag_id, dag_run_id,
    created_at, due_at, addressed_to, state, assigned_to, decision, decided_by, decided_at, note
from review.item
where item_id between %(first)s and %(last)s
order by item_id
limit 2
