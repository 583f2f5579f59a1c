-- The items that wait about subjects, held one after the other until what is done to it is written.
select
    item_id, tenant, kind, subject_kind, subject_id, reason, urgency, summary, context, decisions, run_id, dag_id, dag_run_id,
    created_at, due_at, addressed_to, state, assigned_to, decision, decided_by, decided_at, note
from review.item
where kind = %(kind)s
    and subject_kind = %(subject_kind)s
    and subject_id = any(%(subject_ids)s)
    and state in ('open', 'assigned')
order by subject_id collate "C"
for update
