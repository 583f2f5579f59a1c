-- A plan is complete; nothing is touched when it was swept meanwhile.
update ledger.batch_plan
set state = %(state)s, requested = %(requested)s, answered = %(answered)s, under_way = %(under_way)s,
    done_at = case when %(state)s = 'done' then clock_timestamp() end
where plan_id = %(plan_id)s and state = 'planning'
