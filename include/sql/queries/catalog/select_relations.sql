-- Tables and views of ours, without partitions and without the tables that one tenant's index version has for itself.
select
    class.oid, namespace.nspname as schema, class.relname as name,
    case class.relkind when 'v' then 'view' when 'p' then 'partitioned table' else 'table' end as kind,
    obj_description(class.oid, 'pg_class') as comment,
    class.relrowsecurity and class.relforcerowsecurity as isolated,
    class.relpersistence = 'u' as unlogged,
    coalesce(array_to_string(class.reloptions, ', '), '') as options,
    coalesce(pg_get_partkeydef(class.oid), '') as partitioned_by,
    coalesce(pg_get_viewdef(class.oid), '') as definition,
    (select array_agg(policy.polname::text order by policy.polname) from pg_policy as policy where policy.polrelid = class.oid) as policies
from pg_class as class
join pg_namespace as namespace on namespace.oid = class.relnamespace
where namespace.nspname = any (%(schemas)s)
    and class.relkind in ('r', 'p', 'v')
    and not class.relispartition
    and not (namespace.nspname = 'corpus' and class.relname ~ '^embedding_[0-9]+$')
order by namespace.nspname, class.relname
