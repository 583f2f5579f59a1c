-- Make the monthly partitions that are missing.
select core.ensure_partitions(%(months_ahead)s) as made
