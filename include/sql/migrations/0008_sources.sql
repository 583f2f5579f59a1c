-- Sources are data: what they are, who answers for them, how long their documents stay; and what was fetched from them.

alter table corpus.source
    drop constraint source_kind_check,
    add constraint source_kind_check check (kind in ('folder', 'store', 'urls', 'sitemap', 'mailbox')),
    add column options jsonb not null default '{}' check (jsonb_typeof(options) = 'object'),
    add column keep_days integer check (keep_days > 0),
    add column every_minutes integer not null default 60 check (every_minutes > 0),
    add column enabled boolean not null default true,
    add column configured_at timestamptz,
    add column started_at timestamptz,
    add column look_began_at timestamptz,
    add column refreshed_at timestamptz,
    add column refreshed_as text,
    add column problem text;
comment on column corpus.source.kind is 'folder; store (an object store); urls or sitemap (pages of the web); mailbox (an export of mails).';
comment on column corpus.source.location is 'Path of the folder or mailbox, address of the object store or sitemap.';
comment on column corpus.source.options is 'What its kind needs besides: the addresses of its pages, patterns of paths to take or to leave out.';
comment on column corpus.source.keep_days is 'Time-to-live: a document that its source has not changed for so many days is removed; null, never.';
comment on column corpus.source.every_minutes is 'How often the DAG ingest_sources looks at it.';
comment on column corpus.source.enabled is 'Whether that DAG looks at it at all.';
comment on column corpus.source.configured_at is 'When somebody configured it; null for a folder that was only read.';
comment on column corpus.source.started_at is 'When that DAG last took it up.';
comment on column corpus.source.look_began_at is 'When the look at its documents began that has not come to its end; null when there is none.';
comment on column corpus.source.refreshed_at is 'When it was last asked for its documents, and answered.';
comment on column corpus.source.refreshed_as is 'What it was then, in a form that shows a change; null where it has none.';
comment on column corpus.source.problem is 'Why it did not answer the last time; null when it did.';

create table corpus.source_item (
    source_id uuid not null references corpus.source on delete cascade,
    path text not null,
    tenant text not null,
    address text not null,
    kind text,
    bytes bigint check (bytes >= 0),
    sha256 bytea check (length(sha256) = 32),
    etag text,
    last_modified text,
    modified_at timestamptz,
    fetched_at timestamptz,
    confirmed_at timestamptz not null default now(),
    problem_code text,
    problem text,
    content bytea,
    primary key (source_id, path),
    check ((problem_code is null) = (problem is null)),
    check (sha256 is not null or problem is not null),
    check ((sha256 is null) = (fetched_at is null)),
    check (sha256 is null or (kind is not null and bytes is not null)),
    check (content is null or (sha256 = sha256(content) and bytes = length(content)))
);
comment on table corpus.source_item is 'What was fetched from a source that is no folder, one row a document: as it was when its source last gave it.';
comment on column corpus.source_item.source_id is 'The source.';
comment on column corpus.source_item.path is 'Path of its document below the source.';
comment on column corpus.source_item.tenant is 'Whose.';
comment on column corpus.source_item.address is 'Where the source keeps it: its URL, its key in the object store, its place in the mailbox.';
comment on column corpus.source_item.kind is 'As in corpus.document.';
comment on column corpus.source_item.bytes is 'Size.';
comment on column corpus.source_item.sha256 is 'SHA-256 of the bytes; null where they could never be had.';
comment on column corpus.source_item.etag is 'What the source calls this version; asked for again, it says whether there is another.';
comment on column corpus.source_item.last_modified is 'When the source says that it was changed, in its own words.';
comment on column corpus.source_item.modified_at is 'When it was last changed, as far as is known: the time-to-live counts from here.';
comment on column corpus.source_item.fetched_at is 'When the bytes were had.';
comment on column corpus.source_item.confirmed_at is 'When the source was last asked for it, and answered.';
comment on column corpus.source_item.problem_code is 'Why it could not be had the last time, as a code.';
comment on column corpus.source_item.problem is 'Why it could not be had the last time, in a sentence.';
comment on column corpus.source_item.content is 'personal: the bytes of a page of the web, which may read otherwise the next time; kept while the document is in its source; erased with it.';
alter table corpus.source_item alter column content set storage external;
call core.isolate('corpus.source_item');

grant select, insert, update, delete on corpus.source_item to plumbline_app;
grant select (source_id, path, tenant, address, kind, bytes, sha256, etag, last_modified, modified_at, fetched_at, confirmed_at,
              problem_code, problem)
    on corpus.source_item to plumbline_auditor, plumbline_reporter;
