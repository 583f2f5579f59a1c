-- Write the lines that came in, which are taken from there, and claim their keys.
with incoming as (
    delete from incoming_line returning *
),
line as (
    insert into ledger.batch_line (
        batch_id, call_id, tenant, keys, tokens, tokens_out, request, mends, user_ref, session_ref
    )
    select batch_id, call_id, tenant, keys, tokens, tokens_out, request, mends, user_ref, session_ref
    from incoming
    returning batch_id, call_id, tenant, keys
)
insert into ledger.batch_key (key, tenant, batch_id, call_id)
select unnest(keys), tenant, batch_id, call_id
from line
