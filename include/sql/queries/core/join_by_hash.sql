-- Join large sets by hash until the transaction ends: the statistics know nothing of what was written a moment ago, and
-- for one row, as which the planner takes it, it would loop over all rows of another.
select set_config('enable_nestloop', 'off', true)
