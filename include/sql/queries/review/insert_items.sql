-- Ask about many subjects, in the order that all keep; what waits already is left as it is.
insert into review.item (
    item_id, tenant, kind, subject_kind, subject_id, reason, urgency, summary, context, decisions,
    run_id, dag_id, dag_run_id, created_at, due_at, addressed_to, changed_by
)
select
    asked.item_id, core.current_tenant(), %(kind)s, %(subject_kind)s, asked.subject_id, asked.reason, asked.urgency,
    asked.summary, asked.context, %(decisions)s, %(run_id)s, %(dag_id)s, %(dag_run_id)s, %(created_at)s, asked.due_at,
    %(addressed_to)s, %(changed_by)s
from unnest(
    %(item_ids)s::uuid[], %(subject_ids)s::text[], %(reasons)s::text[], %(urgencies)s::text[], %(summaries)s::text[],
    %(contexts)s::jsonb[], %(due)s::timestamptz[]
) as asked (item_id, subject_id, reason, urgency, summary, context, due_at)
where not exists (
    select from review.item
    where item.kind = %(kind)s
        and item.subject_kind = %(subject_kind)s
        and item.subject_id = asked.subject_id
        and item.state in ('open', 'assigned')
)
order by asked.subject_id collate "C"
on conflict (tenant, kind, subject_kind, subject_id) where state in ('open', 'assigned') do nothing
