-- The history of an item, oldest first.
select at, who, what, was, became
from review.event
where item_id = %(item_id)s
order by event_id
