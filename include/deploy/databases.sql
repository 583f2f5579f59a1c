-- The databases, made once, when the PostgreSQL container starts on an empty volume.
-- Three of them, each for one owner, so that no password opens more than it must:
--   airflow    Airflow's own tables; workers never get its password
--   results    what Celery workers report back
--   plumbline  ours; its roles get their passwords from `plumbline migrate`
-- Passwords are read from the environment inside psql: they appear in no command line and no file.
\set ON_ERROR_STOP on
\getenv airflow_password AIRFLOW_PASSWORD
\getenv results_password RESULTS_PASSWORD

create role airflow login password :'airflow_password';
create role airflow_results login password :'results_password';
create role plumbline_owner login;
create role plumbline_app login;
create role plumbline_keeper login;
create role plumbline_reporter login;
create role plumbline_auditor login;
create role plumbline_restorer login;

create database airflow owner airflow;
create database results owner airflow_results;
create database plumbline owner plumbline_owner;

revoke all on database postgres, template1, airflow, results, plumbline from public;
grant connect on database plumbline
    to plumbline_app, plumbline_keeper, plumbline_reporter, plumbline_auditor, plumbline_restorer;
-- The pipelines compare a folder with what is stored in tables of their own session.
grant temporary on database plumbline to plumbline_app, plumbline_keeper;

\connect plumbline
-- Only an administrator can: the extension is not marked as trusted.
create extension vector;
