-- What each role may do with a table or view: on the whole of it, or on some columns.
select
    role.rolname as role,
    array(
        select privilege
        from unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger', 'maintain']) as privilege
        where has_table_privilege(role.rolname, %(oid)s::oid, privilege)
    ) as whole,
    array(
        select privilege
        from unnest(array['select', 'insert', 'update']) as privilege
        where has_any_column_privilege(role.rolname, %(oid)s::oid, privilege)
            and not has_table_privilege(role.rolname, %(oid)s::oid, privilege)
    ) as partly,
    array(
        select attribute.attname::text
        from pg_attribute as attribute
        where attribute.attrelid = %(oid)s::oid
            and attribute.attnum > 0
            and not attribute.attisdropped
            and not has_column_privilege(role.rolname, %(oid)s::oid, attribute.attnum, 'select')
        order by attribute.attnum
    ) as hidden
from pg_roles as role
where role.rolname = any (%(roles)s)
order by role.rolname
