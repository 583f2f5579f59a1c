-- The constraints of a table, in the database's own words; that a column is not null stands with the column.
select conname as name, pg_get_constraintdef(oid) as definition
from pg_constraint
where conrelid = %(oid)s and contype <> 'n'
order by contype desc, conname
