-- Somebody is at an item.
update review.item
set state = 'assigned',
    assigned_to = %(assigned_to)s,
    changed_by = %(changed_by)s
where item_id = %(item_id)s
