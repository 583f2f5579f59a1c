-- What a budget has leased is what its leases hold.
-- severity: block
select period.period_id, period.leased_usd, coalesce(sum(lease.granted_usd), 0) as granted_usd
from ledger.budget_period as period
left join ledger.lease on lease.period_id = period.period_id
group by period.period_id
having period.leased_usd <> coalesce(sum(lease.granted_usd), 0)
