-- The ground floor: tenants, row-level security, monthly partitions.

create schema if not exists core;
comment on schema core is 'The ground floor: tenants, row-level security, monthly partitions.';

-- Extensions live in public; nobody makes anything else there.
revoke create on schema public from public;

create function core.current_tenant() returns text
language sql stable parallel safe
return nullif(current_setting('plumbline.tenant', true), '');
comment on function core.current_tenant() is 'The tenant of this transaction; null, which sees nothing, where none is set.';

create table core.tenant (
    tenant text primary key check (tenant ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    number integer generated always as identity unique,
    opened_at timestamptz not null default now()
);
comment on table core.tenant is 'Who is kept apart from whom: a company, a brand, a department.';
comment on column core.tenant.tenant is 'Short name, lower case.';
comment on column core.tenant.number is 'Short number, used in the names of partitions.';
comment on column core.tenant.opened_at is 'When the tenant was first seen.';

-- Forced row-level security: even the owner is held by a policy that can be read in the catalogue.
create procedure core.isolate(target regclass)
language plpgsql as $$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format('create policy tenant_isolation on %s to plumbline_app, plumbline_keeper, plumbline_reporter, '
                   'plumbline_auditor, plumbline_restorer using (tenant = (select core.current_tenant())) '
                   'with check (tenant = (select core.current_tenant()))', target);
    execute format('create policy owner_maintains on %s to plumbline_owner using (true) with check (true)', target);
end
$$;
comment on procedure core.isolate(regclass) is 'Force row-level security by tenant on a table.';
revoke all on procedure core.isolate(regclass) from public;

call core.isolate('core.tenant');

create table core.monthly_table (
    name text primary key
);
comment on table core.monthly_table is 'Tables that are partitioned by month; core.ensure_partitions looks after them.';
comment on column core.monthly_table.name is 'Schema and name of the partitioned table.';

create function core.ensure_partitions(months_ahead integer) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    parent text;
    month date;
    partition_name text;
    made integer := 0;
begin
    if months_ahead not between 0 and 120 then
        raise exception 'months_ahead must be 0 to 120, not %', months_ahead;
    end if;
    -- Two keepers at once would both try to make the same partition.
    perform pg_advisory_xact_lock(hashtextextended('core.ensure_partitions', 0));
    for parent in select name from core.monthly_table order by name loop
        for month in
            select generate_series(date_trunc('month', (now() at time zone 'UTC') - interval '1 month'),
                                   date_trunc('month', now() at time zone 'UTC') + make_interval(months => months_ahead),
                                   interval '1 month')::date
        loop
            partition_name := parent || '_' || to_char(month, 'YYYY_MM');
            if to_regclass(partition_name) is null then
                -- Made apart and attached: `partition of` would wait for every transaction that has read or written the
                -- parent, and hold up all that come after it.
                execute format('create table %s (like %s including all)', partition_name, parent);
                execute format('comment on table %s is %L', partition_name,
                               format('Rows of %s, %s (UTC).', parent, to_char(month, 'YYYY-MM')));
                call core.isolate(partition_name::regclass);
                execute format('alter table %s attach partition %s for values from (%L) to (%L)',
                               parent, partition_name, month::timestamp at time zone 'UTC',
                               (month + interval '1 month')::timestamp at time zone 'UTC');
                made := made + 1;
            end if;
        end loop;
    end loop;
    return made;
end
$$;
comment on function core.ensure_partitions(integer) is
    'Make the monthly partitions from last month to so many months ahead; returns how many were missing.';
revoke all on function core.ensure_partitions(integer) from public;
grant execute on function core.ensure_partitions(integer) to plumbline_keeper;

create function core.months_ahead() returns integer
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
    select coalesce(min(ahead), 0)::integer
    from (
        select (
            select count(*)
            from pg_inherits
            join pg_class on pg_class.oid = pg_inherits.inhrelid
            where pg_inherits.inhparent = to_regclass(monthly_table.name)
                and right(pg_class.relname, 7) > to_char(now() at time zone 'UTC', 'YYYY_MM')
        ) as ahead
        from core.monthly_table
    ) as counted;
end;
comment on function core.months_ahead() is 'For how many months after this one every monthly table has its partition.';
revoke all on function core.months_ahead() from public;
grant execute on function core.months_ahead() to plumbline_app, plumbline_keeper, plumbline_auditor;

grant usage on schema core to plumbline_app, plumbline_keeper, plumbline_reporter, plumbline_auditor, plumbline_restorer;
grant select on core.tenant to plumbline_app, plumbline_keeper, plumbline_reporter, plumbline_auditor;
grant execute on function core.current_tenant() to public;
