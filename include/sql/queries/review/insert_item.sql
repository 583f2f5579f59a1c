-- Ask, unless the same is waiting already; the id is that of the item that waits.
insert into review.item (
    item_id, tenant, kind, subject_kind, subject_id, reason, urgency, summary, context, decisions,
    run_id, dag_id, dag_run_id, created_at, due_at, addressed_to, changed_by
)
values (
    %(item_id)s, core.current_tenant(), %(kind)s, %(subject_kind)s, %(subject_id)s, %(reason)s, %(urgency)s, %(summary)s,
    %(context)s, %(decisions)s, %(run_id)s, %(dag_id)s, %(dag_run_id)s, %(created_at)s, %(due_at)s, %(addressed_to)s,
    %(changed_by)s
)
on conflict (tenant, kind, subject_kind, subject_id) where state in ('open', 'assigned')
-- Changes nothing; without it, the row that was met would not be returned.
do update set state = item.state
returning item_id
