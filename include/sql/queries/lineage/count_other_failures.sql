-- How many other parts of the same task have failed before in this DAG run.
select count(*) as failures
from lineage.run
where dag_id = %(dag_id)s and dag_run_id = %(dag_run_id)s and task_id = %(task_id)s and state = 'failed' and run_id <> %(run_id)s
