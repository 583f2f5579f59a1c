-- A step ends.
update lineage.run
set state = %(state)s, ended_at = clock_timestamp(), receipt = %(receipt)s, error = %(error)s
where run_id = %(run_id)s
