-- What happened: runs, edges from cause to effect, results of data checks.

create schema lineage;
comment on schema lineage is 'What happened: runs, edges from cause to effect, results of data checks.';

create table lineage.run (
    run_id uuid primary key,
    tenant text not null,
    job text not null,
    dag_id text,
    dag_run_id text,
    task_id text,
    map_index integer,
    try_number integer not null default 1,
    code_version text not null,
    state text not null check (state in ('running', 'succeeded', 'failed')),
    started_at timestamptz not null default now(),
    ended_at timestamptz,
    receipt jsonb not null default '{}',
    error text,
    check ((state = 'running') = (ended_at is null))
);
create index run_by_dag_run on lineage.run (dag_run_id);
comment on table lineage.run is 'One execution of one step (a W3C PROV activity, an OpenLineage run).';
comment on column lineage.run.run_id is 'Id of the execution.';
comment on column lineage.run.tenant is 'Whose work it was.';
comment on column lineage.run.job is 'The step, as namespace.name.';
comment on column lineage.run.dag_id is 'Airflow DAG, where Airflow ran it.';
comment on column lineage.run.dag_run_id is 'Airflow DAG run, or the id of a run by the command line.';
comment on column lineage.run.task_id is 'Airflow task.';
comment on column lineage.run.map_index is 'Airflow map index of a mapped task.';
comment on column lineage.run.try_number is 'Airflow try number.';
comment on column lineage.run.code_version is 'Version of the code that ran.';
comment on column lineage.run.state is 'running, succeeded or failed; a run that was killed stays running.';
comment on column lineage.run.started_at is 'When it began.';
comment on column lineage.run.ended_at is 'When it ended.';
comment on column lineage.run.receipt is 'Ids and counts that the step handed back.';
comment on column lineage.run.error is 'Why it failed, in a sentence without contents of rows.';
call core.isolate('lineage.run');

create table lineage.edge (
    at timestamptz not null default now(),
    tenant text not null,
    run_id uuid not null,
    cause_kind text not null,
    cause_id uuid not null,
    effect_kind text not null,
    effect_id uuid not null,
    effect_name text,
    effect_sha256 bytea,
    model text,
    code_version text not null
) partition by range (at);
create index edge_by_effect on lineage.edge (effect_id);
create index edge_by_cause on lineage.edge (cause_id);
comment on table lineage.edge is 'Effect was derived from cause by a run (W3C PROV wasDerivedFrom). Partitioned by month.';
comment on column lineage.edge.at is 'When.';
comment on column lineage.edge.tenant is 'Whose.';
comment on column lineage.edge.run_id is 'The run (lineage.run) that made the effect.';
comment on column lineage.edge.cause_kind is 'source_version, document_version, chunk, …';
comment on column lineage.edge.cause_id is 'Id of the cause.';
comment on column lineage.edge.effect_kind is 'document_version, chunk, vector, …';
comment on column lineage.edge.effect_id is 'Id of the effect; a vector has the id of its chunk.';
comment on column lineage.edge.effect_name is 'Where the effect is: a path, a table.';
comment on column lineage.edge.effect_sha256 is 'SHA-256 of the effect: of a source its bytes, of a document or chunk its text, of a vector its answer key.';
comment on column lineage.edge.model is 'The model that answered, for effects made by one.';
comment on column lineage.edge.code_version is 'Version of the code.';
insert into core.monthly_table values ('lineage.edge');
call core.isolate('lineage.edge');

create table lineage.check_result (
    check_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    tenant text not null,
    run_id uuid not null,
    dag_id text,
    dag_run_id text,
    suite text not null,
    name text not null,
    severity text not null check (severity in ('block', 'warn')),
    passed boolean not null,
    observed jsonb not null default '{}'
);
create index check_result_by_dag_run on lineage.check_result (dag_run_id);
comment on table lineage.check_result is 'The result of one data check. Counts only, never the contents of rows.';
comment on column lineage.check_result.check_id is 'Number of the result.';
comment on column lineage.check_result.at is 'When.';
comment on column lineage.check_result.tenant is 'Whose rows were checked.';
comment on column lineage.check_result.run_id is 'The run (lineage.run) that checked.';
comment on column lineage.check_result.dag_id is 'Airflow DAG, where Airflow ran it; ids of DAG runs repeat across DAGs.';
comment on column lineage.check_result.dag_run_id is 'Airflow DAG run, or the id of a run by the command line.';
comment on column lineage.check_result.suite is 'The suite: area and name.';
comment on column lineage.check_result.name is 'The check, as a sentence.';
comment on column lineage.check_result.severity is 'block stops publication, warn tells someone.';
comment on column lineage.check_result.passed is 'Whether it holds.';
comment on column lineage.check_result.observed is 'Counts: rows looked at, rows that break the rule.';
call core.isolate('lineage.check_result');

grant usage on schema lineage to plumbline_app, plumbline_auditor, plumbline_reporter;
grant select, insert, update on lineage.run to plumbline_app;
grant select, insert on lineage.edge, lineage.check_result to plumbline_app;
grant select on lineage.run, lineage.edge, lineage.check_result to plumbline_auditor, plumbline_reporter;
