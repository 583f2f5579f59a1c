-- Keep the result of one data check.
insert into lineage.check_result (tenant, run_id, dag_id, dag_run_id, suite, name, severity, passed, observed)
values (%(tenant)s, %(run_id)s, %(dag_id)s, %(dag_run_id)s, %(suite)s, %(name)s, %(severity)s, %(passed)s, %(observed)s)
