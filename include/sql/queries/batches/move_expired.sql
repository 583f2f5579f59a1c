-- Ask for the expired lines of a batch again: new calls in a new batch, which keep the claims.
with expired as (
    delete from ledger.batch_line where batch_id = %(batch_id)s and left_as = 'expired' returning *
),
fresh as materialized (
    select gen_random_uuid() as fresh_id, expired.* from expired
),
line as (
    insert into ledger.batch_line (
        batch_id, call_id, tenant, keys, tokens, tokens_out, request, mends, user_ref, session_ref
    )
    select %(child)s, fresh_id, tenant, keys, tokens, tokens_out, request, mends, user_ref, session_ref
    from fresh
)
update ledger.batch_key
set batch_id = %(child)s, call_id = fresh.fresh_id
from fresh
where batch_key.key = any(fresh.keys)
