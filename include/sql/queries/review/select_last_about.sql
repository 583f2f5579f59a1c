-- The last item about each of these subjects that was not withdrawn: it waits, or was decided.
select distinct on (subject_id) subject_id, item_id, decision
from review.item
where kind = %(kind)s
    and subject_kind = %(subject_kind)s
    and subject_id = any(%(subject_ids)s)
    and state <> 'withdrawn'
order by subject_id, created_at desc, item_id
