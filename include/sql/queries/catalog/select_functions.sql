-- Functions and procedures of ours: what they say of themselves and with whose rights they run.
select
    namespace.nspname || '.' || function.proname || '(' || pg_get_function_identity_arguments(function.oid) || ')' as name,
    coalesce(pg_get_function_result(function.oid), 'procedure') as returns,
    function.prosecdef as as_owner,
    obj_description(function.oid, 'pg_proc') as comment,
    (
        select array_agg(role.rolname::text order by role.rolname)
        from pg_roles as role
        where role.rolname = any (%(roles)s) and has_function_privilege(role.rolname, function.oid, 'execute')
    ) as callers
from pg_proc as function
join pg_namespace as namespace on namespace.oid = function.pronamespace
where namespace.nspname = any (%(schemas)s)
order by 1
