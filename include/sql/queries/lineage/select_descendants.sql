-- What was derived from a thing, and what was derived from that in turn, with the runs that did it; nearest first.
with recursive down as (
    select edge.*, 1 as distance
    from lineage.edge
    where edge.cause_kind = %(kind)s and edge.cause_id = %(id)s
    union all
    select edge.*, down.distance + 1
    from down
    join lineage.edge on edge.cause_kind = down.effect_kind and edge.cause_id = down.effect_id
    where down.distance < 20
)
select down.*, run.job, run.dag_run_id
from (
    select distinct on (distance, cause_kind, cause_id, effect_kind, effect_id) *
    from down
    order by distance, cause_kind, cause_id, effect_kind, effect_id, at desc
    limit %(most)s
) as down
left join lineage.run on run.run_id = down.run_id
order by down.distance, down.effect_name, down.effect_id
