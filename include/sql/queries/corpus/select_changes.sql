-- What happened to documents since a moment, the latest first: added, changed, removed or refused; read anew, if asked for.
with change as (
    select event.at, event.source_id, event.path, event.version_id, event.run_id, null::text as reason, event.event as what
    from corpus.document_event as event
    where event.at >= %(since)s and (%(reread)s or event.event <> 'reread')
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
