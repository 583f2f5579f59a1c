-- Lines of a batch have ended: what they used, what they cost, how it went.
update ledger.call
set state = ended.state,
    answered_by = ended.answered_by,
    outcome = ended.outcome,
    status_counts = call.status_counts || jsonb_build_object(ended.label, 1),
    tokens_in = ended.tokens_in,
    tokens_cached = ended.tokens_cached,
    tokens_out = ended.tokens_out,
    cost_usd = ended.cost_usd,
    provider_request_id = ended.request_id,
    ended_at = case when ended.state <> 'unknown' then clock_timestamp() end,
    error = ended.error
from unnest(
    %(call_ids)s::uuid[], %(states)s::text[], %(answered_by)s::text[], %(outcomes)s::text[], %(labels)s::text[],
    %(tokens_in)s::bigint[], %(tokens_cached)s::bigint[], %(tokens_out)s::bigint[], %(costs)s::numeric[],
    %(request_ids)s::text[], %(errors)s::text[]
) as ended (
    call_id, state, answered_by, outcome, label, tokens_in, tokens_cached, tokens_out, cost_usd, request_id, error
)
where call.call_id = ended.call_id and call.at = %(called_at)s and call.state = 'sent'
