-- An answer that was bought, and the call and run that bought it.
select
    answer.key, answer.use, answer.model, answer.tokens, answer.bought_at, answer.call_id, call.answered_by, call.endpoint,
    call.state, call.inputs, call.cost_usd, round(call.cost_usd * answer.tokens / nullif(call.tokens_planned, 0), 12) as share_usd,
    call.run_id, call.dag_run_id, call.code_version, run.job
from ledger.answer
left join ledger.call on call.call_id = answer.call_id and call.at = answer.call_at
left join lineage.run on run.run_id = call.run_id
where answer.key = %(key)s
