-- Write the lines that came in, and claim their keys.
with line as (
    insert into ledger.batch_line (
        batch_id, call_id, tenant, keys, tokens, tokens_out, request, mends, user_ref, session_ref
    )
    select batch_id, call_id, tenant, keys, tokens, tokens_out, request, mends, user_ref, session_ref
    from incoming_line
    returning batch_id, call_id, tenant, keys
)
insert into ledger.batch_key (key, tenant, batch_id, call_id)
select unnest(keys), tenant, batch_id, call_id
from line
