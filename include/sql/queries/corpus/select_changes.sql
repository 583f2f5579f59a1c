-- What happened to documents since a moment, the latest first: added, changed, removed or refused.
with change as (
    select
        version.published_at as at, version.source_id, version.path, version.version_id, version.run_id, null::text as reason,
        -- A version that came back has the time of its return, so what the document says of itself comes first.
        case
            when coalesce(
                document.first_published_at,
                (select min(one.published_at) from corpus.document_version as one where one.document_id = version.document_id)
            ) < version.published_at then 'changed'
            else 'added'
        end as what
    from corpus.document_version as version
    left join corpus.document on document.document_id = version.document_id
    where version.published_at >= %(since)s
    union all
    -- A document that left takes all its versions with it, in one commit.
    select distinct version.removed_at, version.source_id, version.path, null::uuid, null::uuid, null, 'removed'
    from corpus.document_version as version
    where version.removed_at >= %(since)s
    union all
    select refused.first_refused_at, refused.source_id, refused.path, null, null, refused.reason, 'refused'
    from corpus.refused_document as refused
    where refused.first_refused_at >= %(since)s
)
select change.at, change.what, source.name as source, change.path, change.version_id, run.dag_run_id, change.reason
from change
join corpus.source on source.source_id = change.source_id
left join lineage.run on run.run_id = change.run_id
where (%(source)s::text is null or source.name = %(source)s) and (%(path)s::text is null or starts_with(change.path, %(path)s))
order by change.at desc, source.name, change.path
limit %(page)s
