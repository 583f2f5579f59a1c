-- Schemas of ours: those that the owner made.
select namespace.nspname as name, obj_description(namespace.oid, 'pg_namespace') as comment
from pg_namespace as namespace
where namespace.nspowner = 'plumbline_owner'::regrole
order by namespace.nspname
