-- A budget comes into force.
insert into ledger.budget (tenant, scope, name, period, cap_usd, thresholds, set_by)
values (%(tenant)s, %(scope)s, %(name)s, %(period)s, %(cap_usd)s, %(thresholds)s, %(set_by)s)
returning budget_id
