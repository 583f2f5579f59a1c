-- A budget is no longer in force: another takes its place, or somebody removed it.
update ledger.budget set valid_until = greatest(valid_from, clock_timestamp()), removed_by = %(removed_by)s
where tenant = %(tenant)s
    and scope = %(scope)s
    and name = %(name)s
    and period = %(period)s
    and valid_until is null
