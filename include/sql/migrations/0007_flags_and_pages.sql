-- What a chunk tells a model to do, and the last of its pages.

alter table corpus.staged_chunk
    add column last_page integer,
    add column flags text[] not null default '{}';
comment on column corpus.staged_chunk.last_page is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.flags is 'As in corpus.chunk.';

alter table corpus.chunk
    add column last_page integer,
    add column flags text[] not null default '{}',
    add check (last_page >= page);
comment on column corpus.chunk.last_page is 'Page, slide or sheet that it ends on, for kinds that have them.';
comment on column corpus.chunk.flags is 'Ways in which it tries to instruct a model (ignore_instructions, new_role, …); such text is shown, and never obeyed.';

create index chunk_flagged on corpus.chunk (tenant, document_id) where flags <> '{}';
comment on index corpus.chunk_flagged is 'Finds the few chunks that try to instruct a model.';

grant select (last_page, flags) on corpus.chunk to plumbline_auditor, plumbline_reporter;
