-- A step begins.
insert into lineage.run (run_id, tenant, job, dag_id, dag_run_id, task_id, map_index, try_number, code_version, state)
values (%(run_id)s, %(tenant)s, %(job)s, %(dag_id)s, %(dag_run_id)s, %(task_id)s, %(map_index)s, %(try_number)s, %(code_version)s, 'running')
on conflict (run_id) do update set state = 'running', ended_at = null, error = null, try_number = excluded.try_number
