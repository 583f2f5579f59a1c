-- Items have ended: decided, or withdrawn.
update review.item
set state = %(state)s,
    decision = %(decision)s,
    decided_by = %(decided_by)s,
    decided_at = %(decided_at)s,
    note = %(note)s,
    changed_by = %(decided_by)s
where item_id = any(%(item_ids)s)
    and state in ('open', 'assigned')
