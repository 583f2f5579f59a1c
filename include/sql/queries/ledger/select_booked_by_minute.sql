-- What the book has of calls to a model, one by one, that were billed: by the minutes in which they began and ended.
select
    date_trunc('minute', at, 'UTC') as first,
    -- One that was released ended, for the provider, long before somebody decided.
    date_trunc('minute', least(coalesce(ended_at, at), at + %(longest)s::interval), 'UTC') as last,
    count(*) as requests,
    sum(coalesce(tokens_in, 0))::bigint as tokens_in,
    sum(coalesce(tokens_out, 0))::bigint as tokens_out,
    sum(coalesce(tokens_cached, 0))::bigint as cached
from ledger.call
where endpoint = %(endpoint)s
    and route = %(route)s
    and model = %(model)s
    and batch_id is null
    and state in ('settled', 'failed')
    and (tokens_in > 0 or tokens_out > 0 or cost_usd > 0)
    and at between %(begin)s and %(until)s
group by 1, 2
