-- What a thing was derived from, and what that was derived from in turn, with the runs that did it; nearest first.
with recursive up as (
    select edge.*, 1 as distance
    from lineage.edge
    where edge.effect_kind = %(kind)s and edge.effect_id = %(id)s
    union all
    select edge.*, up.distance + 1
    from up
    join lineage.edge on edge.effect_kind = up.cause_kind and edge.effect_id = up.cause_id
    where up.distance < 20
)
select up.*, run.job, run.dag_run_id, coalesce(cause.text_sha256, read.source_sha256) as cause_sha256
from (
    select distinct on (distance, cause_kind, cause_id, effect_kind, effect_id) *
    from up
    order by distance, cause_kind, cause_id, effect_kind, effect_id, at desc
    limit %(most)s
) as up
left join lineage.run on run.run_id = up.run_id
left join corpus.document_version as cause on up.cause_kind = 'document_version' and cause.version_id = up.cause_id
left join corpus.document_version as read on up.cause_kind = 'source_version' and read.version_id = up.effect_id
order by up.distance, up.effect_name, up.cause_id
