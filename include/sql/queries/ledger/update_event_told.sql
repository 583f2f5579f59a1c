-- People were told of it.
update ledger.budget_event set told_at = clock_timestamp()
where period_id = %(period)s and event = %(event)s and threshold = %(threshold)s
