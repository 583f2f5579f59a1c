-- What was spent, by use, endpoint and model.
select
    use, endpoint, model, state, count(*) as calls, sum(inputs) as inputs, coalesce(sum(tokens_in), 0) as tokens,
    coalesce(sum(cost_usd), 0) as cost_usd
from ledger.call
group by use, endpoint, model, state
order by use, endpoint, model, state
