-- Every settled call for embeddings cost its tokens times the price of its day.
-- severity: block
select call_id
from ledger.call
where route = '/v1/embeddings'
    and state = 'settled'
    and at > now() - interval '1 month'
    and cost_usd is distinct from round(tokens_in * usd_per_million_in / 1000000, 9)
