-- Every settled call cost its tokens times the prices of its day.
-- severity: block
select call_id
from ledger.call
where state = 'settled'
    and at > now() - interval '1 month'
    and cost_usd is distinct from round(
        (
            (tokens_in - coalesce(tokens_cached, 0)) * usd_per_million_in
            + coalesce(tokens_cached, 0) * coalesce(usd_per_million_cached, usd_per_million_in)
            + coalesce(tokens_out, 0) * usd_per_million_out
        ) / 1000000,
        9
    )
