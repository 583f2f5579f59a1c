-- What every publication did to each document, never overwritten: versions are, when a document comes back to one.

create table corpus.document_event (
    ingestion_id uuid not null references corpus.ingestion,
    document_id uuid not null,
    tenant text not null,
    source_id uuid not null,
    path text not null,
    event text not null check (event in ('added', 'changed', 'removed', 'reread')),
    version_id uuid,
    run_id uuid not null,
    at timestamptz not null default now(),
    primary key (ingestion_id, document_id),
    check (event <> 'removed' or version_id is null)
);
create index document_event_by_time on corpus.document_event (tenant, at);
comment on table corpus.document_event is 'What each publication did to the documents of its source; written in its transaction, and never changed.';
comment on column corpus.document_event.ingestion_id is 'The ingestion that was published.';
comment on column corpus.document_event.document_id is 'The document; its row in corpus.document is gone when it left its source.';
comment on column corpus.document_event.tenant is 'Whose.';
comment on column corpus.document_event.source_id is 'The source.';
comment on column corpus.document_event.path is 'Path below the source.';
comment on column corpus.document_event.event is 'added; changed (its file or its text); removed; reread (the same file read anew, with the same text).';
comment on column corpus.document_event.version_id is 'The version that became searchable; null where none did, or it is no longer known.';
comment on column corpus.document_event.run_id is 'The run (lineage.run) that published it; of what was published before this table was, as far as is known.';
comment on column corpus.document_event.at is 'When.';
call core.isolate('corpus.document_event');

grant select, insert on corpus.document_event to plumbline_app;
grant select on corpus.document_event to plumbline_auditor, plumbline_reporter;

-- What the versions still know.  A version that was published twice has the time of the second; where no version names
-- the run that published, the run that scanned stands for it.
with moment as (
    select document_id, tenant, source_id, path, published_at as at, version_id, run_id, source_sha256, text_sha256, null as event
    from corpus.document_version
    union all
    select distinct document_id, tenant, source_id, path, removed_at, null::uuid, null::uuid, null::bytea, null::bytea, 'removed'
    from corpus.document_version
    where removed_at is not null
    union all
    -- Its first version has been published again since, so that nothing else says when the document came.
    select document_id, tenant, source_id, path, first_published_at, null, null, null, null, 'added'
    from corpus.document
    where not exists (
        select from corpus.document_version as version
        where version.document_id = document.document_id and version.published_at = document.first_published_at
    )
),
told as (
    select
        moment.*,
        coalesce(
            event,
            case
                when coalesce(lag(coalesce(event, 'published')) over story, 'removed') = 'removed' then 'added'
                when lag(source_sha256) over story = source_sha256 and lag(text_sha256) over story = text_sha256 then 'reread'
                else 'changed'
            end
        ) as happened
    from moment
    window story as (partition by document_id order by at)
)
insert into corpus.document_event (ingestion_id, document_id, tenant, source_id, path, event, version_id, run_id, at)
select
    ingestion.ingestion_id, told.document_id, told.tenant, told.source_id, told.path, told.happened, told.version_id,
    coalesce(told.run_id, ingestion.run_id), told.at
from told
-- Both bear the time of the transaction that published them.
join corpus.ingestion on ingestion.source_id = told.source_id and ingestion.published_at = told.at
order by told.at, told.document_id
on conflict do nothing;
