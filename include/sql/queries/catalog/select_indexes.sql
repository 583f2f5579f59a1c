-- The indexes of a table that no constraint made.
select class.relname as name, regexp_replace(pg_get_indexdef(class.oid), '^CREATE (UNIQUE )?INDEX \S+ ON (ONLY )?\S+ ', '\1') as definition
from pg_index as index
join pg_class as class on class.oid = index.indexrelid
where index.indrelid = %(oid)s and not exists (select from pg_constraint where pg_constraint.conindid = class.oid)
order by class.relname
