-- Write down who wants which pseudonyms back, and why.
select privacy.ask_to_restore(%(tenant)s, %(restoration_id)s, %(kinds)s::text[], %(ids)s::text[], %(person)s, %(reason)s)
