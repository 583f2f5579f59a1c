-- What a run made: things by kind, calls with their cost, results of checks.
select effect_kind as kind, count(*)::text as name, coalesce(min(model), '') as detail
from lineage.edge
where run_id = %(id)s
group by effect_kind
union all
select 'call', count(*)::text, state || ', USD ' || coalesce(sum(cost_usd), 0)
from ledger.call
where run_id = %(id)s
group by state
union all
select 'check', count(*)::text, case when passed then 'passed' else 'failed' end
from lineage.check_result
where run_id = %(id)s
group by passed
order by 1
