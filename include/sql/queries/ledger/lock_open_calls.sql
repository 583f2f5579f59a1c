-- Calls under way, or in doubt, that a budget counts, and whether they are reserved in it; all are held until the
-- transaction ends, so that none of them ends meanwhile.
select
    intent.call_id, intent.call_at, coalesce(intent.lease, intent.holder) as lease,
    coalesce(intent.reserved_usd, call.cost_planned_usd) as reserved_usd,
    coalesce(intent.budget_periods @> array[%(period)s::bigint], false) as reserved
from ledger.intent
join ledger.call on call.call_id = intent.call_id and call.at = intent.call_at
where call.state in ('sent', 'unknown')
    and call.at >= %(starts_on)s::date::timestamp at time zone 'UTC'
    and case %(scope)s
        when 'everything' then true
        when 'project' then call.project = %(name)s
        when 'team' then call.team = %(name)s
        when 'use' then call.use = %(name)s
        when 'user' then call.user_ref = %(name)s
    end
order by intent.call_id
for update of intent
