-- The six roles, cluster wide.  Run by an administrator, as often as one likes, before the migrations.
-- Passwords come from the runner as settings of its session and are never written here.
do $$
declare
    role_name text;
    given text;
begin
    foreach role_name in array array['owner', 'app', 'keeper', 'reporter', 'auditor', 'restorer'] loop
        given := nullif(current_setting('plumbline_password.' || role_name, true), '');
        if not exists (select from pg_roles where rolname = 'plumbline_' || role_name) then
            execute format('create role plumbline_%I login', role_name);
        end if;
        execute format(
            'alter role plumbline_%I login nosuperuser nocreatedb nocreaterole nobypassrls noreplication', role_name);
        if given is not null then
            execute format('alter role plumbline_%I password %L', role_name, given);
        end if;
    end loop;
end
$$;

comment on role plumbline_owner is 'Owns every table and function; used by migrations only.';
comment on role plumbline_app is 'The pipelines: reads and writes rows; changes no table.';
comment on role plumbline_keeper is 'Partitions, index versions and erasure, through functions of the owner only.';
comment on role plumbline_reporter is 'Reads the facts of reports.';
comment on role plumbline_auditor is 'Reads lineage, cost and check results; nothing personal in clear.';
comment on role plumbline_restorer is 'Turns pseudonyms back into values; each use is audited.';

alter role plumbline_reporter set default_transaction_read_only = on;
alter role plumbline_reporter set statement_timeout = '60s';
alter role plumbline_auditor set default_transaction_read_only = on;
alter role plumbline_auditor set statement_timeout = '60s';
