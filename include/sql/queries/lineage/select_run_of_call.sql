-- The run that made a call.
select run.run_id as id, run.job, run.state, run.code_version, run.dag_run_id
from ledger.call
join lineage.run on run.run_id = call.run_id
where call.call_id = %(id)s
