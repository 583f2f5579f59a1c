-- What happened to documents since a moment, the latest first: added, changed, removed or refused.
with change as (
    select
        version.published_at as at,
        case when exists (
            select from corpus.document_version as earlier
            where earlier.document_id = version.document_id and earlier.published_at < version.published_at
        ) then 'changed' else 'added' end as what,
        version.source_id, version.path, version.version_id, version.dag_run_id_of_run as dag_run_id, null::text as reason
    from (
        select document_version.*, run.dag_run_id as dag_run_id_of_run
        from corpus.document_version
        left join lineage.run on run.run_id = document_version.run_id
    ) as version
    where version.published_at >= %(since)s
    union all
    -- A document that left has as many versions as it had; it left once.
    select
        max(version.removed_at), 'removed', version.source_id, version.path, null::uuid, null::text, null::text
    from corpus.document_version as version
    where version.removed_at >= %(since)s
    group by version.source_id, version.path, version.document_id, version.removed_at
    union all
    select refused.first_refused_at, 'refused', refused.source_id, refused.path, null::uuid, null::text, refused.reason
    from corpus.refused_document as refused
    where refused.first_refused_at >= %(since)s
)
select change.at, change.what, source.name as source, change.path, change.version_id, change.dag_run_id, change.reason
from change
join corpus.source on source.source_id = change.source_id
where (%(source)s::text is null or source.name = %(source)s)
    and (%(path)s::text is null or starts_with(change.path, %(path)s))
order by change.at desc, source.name, change.path
limit %(page)s
