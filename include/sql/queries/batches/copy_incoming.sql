-- Lines of a plan.
copy incoming_line (batch_id, call_id, tenant, keys, tokens, tokens_out, request, mends, user_ref, session_ref)
from stdin (format binary)
