-- Join large sets by hash until the transaction ends: the statistics know nothing of what was written a moment ago, and
-- too little of columns that go together; for a set that it takes for one row, the planner would loop over another.
select set_config('enable_nestloop', 'off', true)
