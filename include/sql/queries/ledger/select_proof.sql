-- The call that bought the answer under this key, and the length of the answer.
select
    call.answered_by, vector_dims(answer.vector) as dimensions, call.tokens_in as tokens, call.cost_usd, call.latency_ms
from ledger.answer
join ledger.call on call.call_id = answer.call_id and call.at = answer.call_at
where answer.key = %(key)s
