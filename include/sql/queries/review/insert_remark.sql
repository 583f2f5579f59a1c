-- Somebody writes something about an item.
insert into review.remark (remark_id, item_id, tenant, who, words)
values (%(remark_id)s, %(item_id)s, core.current_tenant(), %(who)s, %(words)s)
