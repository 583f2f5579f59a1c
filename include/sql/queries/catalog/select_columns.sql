-- The columns of a table or view.
select
    attribute.attname as name, format_type(attribute.atttypid, attribute.atttypmod) as type, not attribute.attnotnull as nullable,
    col_description(attribute.attrelid, attribute.attnum) as comment,
    case
        when attribute.attidentity <> '' then 'identity'
        when attribute.attgenerated <> '' then 'generated ' || pg_get_expr(fallback.adbin, fallback.adrelid)
        else coalesce(pg_get_expr(fallback.adbin, fallback.adrelid), '')
    end as fallback,
    case
        when attribute.attstorage = type.typstorage then ''
        else 'storage ' || case attribute.attstorage when 'p' then 'plain' when 'e' then 'external' when 'm' then 'main' else 'extended' end
    end as storage
from pg_attribute as attribute
join pg_type as type on type.oid = attribute.atttypid
left join pg_attrdef as fallback on fallback.adrelid = attribute.attrelid and fallback.adnum = attribute.attnum
where attribute.attrelid = %(oid)s and attribute.attnum > 0 and not attribute.attisdropped
order by attribute.attnum
