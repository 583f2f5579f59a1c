-- What people wrote about an item, oldest first.
select at, who, words
from review.remark
where item_id = %(item_id)s
order by at, remark_id
