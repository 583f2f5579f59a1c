-- The knowledge base: sources, documents and their versions, chunks, terms, vectors, and what was refused.

create schema corpus;
comment on schema corpus is 'The knowledge base: sources, documents, chunks, terms, vectors, and what was refused.';

create table corpus.source (
    source_id uuid primary key,
    tenant text not null,
    name text not null,
    kind text not null check (kind in ('folder')),
    location text not null,
    owner text not null,
    sensitivity text not null default 'internal' check (sensitivity in ('public', 'internal', 'confidential')),
    registered_at timestamptz not null default now(),
    unique (tenant, name)
);
comment on table corpus.source is 'Where documents come from.';
comment on column corpus.source.source_id is 'Id, made of tenant and name.';
comment on column corpus.source.tenant is 'Whose source.';
comment on column corpus.source.name is 'Name; a folder without one is named by its path.';
comment on column corpus.source.kind is 'folder.';
comment on column corpus.source.location is 'Path of the folder.';
comment on column corpus.source.owner is 'Team that answers for it.';
comment on column corpus.source.sensitivity is 'public, internal or confidential: how its documents are to be treated.';
comment on column corpus.source.registered_at is 'When it was first read.';

create table corpus.vector_index (
    index_id integer generated always as identity primary key,
    tenant text not null,
    model text not null,
    dimensions integer not null check (dimensions between 1 and 3900),
    state text not null check (state in ('building', 'in_force', 'retired')),
    created_at timestamptz not null default now(),
    in_force_at timestamptz,
    retired_at timestamptz,
    table_name text generated always as ('embedding_' || index_id) stored
);
create unique index vector_index_in_force on corpus.vector_index (tenant) where state = 'in_force';
create unique index vector_index_alive on corpus.vector_index (tenant, model, dimensions) where state <> 'retired';
comment on table corpus.vector_index is 'Index versions: each has a table of its own, corpus.embedding_<n>; one a tenant is in force.';
comment on column corpus.vector_index.index_id is 'Number of the version.';
comment on column corpus.vector_index.tenant is 'Whose index.';
comment on column corpus.vector_index.model is 'Embedding model.';
comment on column corpus.vector_index.dimensions is 'Length of its vectors.';
comment on column corpus.vector_index.state is 'building, in_force or retired.';
comment on column corpus.vector_index.created_at is 'When its table was made.';
comment on column corpus.vector_index.in_force_at is 'When searches began to use it.';
comment on column corpus.vector_index.retired_at is 'When another took its place.';
comment on column corpus.vector_index.table_name is 'Its table, in the schema corpus.';

create table corpus.ingestion (
    ingestion_id uuid primary key,
    tenant text not null,
    source_id uuid not null references corpus.source,
    index_id integer not null references corpus.vector_index,
    run_id uuid not null,
    dag_id text,
    dag_run_id text,
    state text not null check (state in ('scanned', 'published', 'superseded')),
    pipeline text not null,
    found integer not null check (found >= 0),
    stored integer not null default 0 check (stored >= 0),
    unchanged integer not null default 0 check (unchanged >= 0),
    refused integer not null default 0 check (refused >= 0),
    removed integer not null default 0 check (removed >= 0),
    chunks_added integer not null default 0,
    chunks_kept integer not null default 0,
    chunks_removed integer not null default 0,
    embedded integer not null default 0 check (embedded >= 0),
    reused integer not null default 0 check (reused >= 0),
    requests integer not null default 0 check (requests >= 0),
    tokens bigint not null default 0 check (tokens >= 0),
    cost_usd numeric(18, 9) not null default 0 check (cost_usd >= 0),
    scanned_at timestamptz not null default now(),
    published_at timestamptz,
    constraint counts_reconcile check (state <> 'published' or found = stored + unchanged + refused + removed)
);
create index ingestion_by_dag_run on corpus.ingestion (dag_run_id);
create index ingestion_by_source on corpus.ingestion (source_id, scanned_at);
comment on table corpus.ingestion is 'One run over one source: what was found and what became of it. The counts reconcile, or the row cannot be published.';
comment on column corpus.ingestion.ingestion_id is 'Id of the ingestion.';
comment on column corpus.ingestion.tenant is 'Whose.';
comment on column corpus.ingestion.source_id is 'The source read.';
comment on column corpus.ingestion.index_id is 'The index version that its vectors go to.';
comment on column corpus.ingestion.run_id is 'The run (lineage.run) that scanned.';
comment on column corpus.ingestion.dag_id is 'Airflow DAG, where Airflow ran it.';
comment on column corpus.ingestion.dag_run_id is 'Airflow DAG run, or the id of a run by the command line.';
comment on column corpus.ingestion.state is 'scanned -> published; superseded when a later scan of the source came first.';
comment on column corpus.ingestion.pipeline is 'Fingerprint of extraction and chunking; a new one reads all documents anew. The word forgotten, where the source was forgotten.';
comment on column corpus.ingestion.found is 'Documents in the source, and documents known from it that are gone.';
comment on column corpus.ingestion.stored is 'New or changed documents that were stored.';
comment on column corpus.ingestion.unchanged is 'Documents that were as we had them.';
comment on column corpus.ingestion.refused is 'Documents that could not be read.';
comment on column corpus.ingestion.removed is 'Documents gone from the source.';
comment on column corpus.ingestion.chunks_added is 'Chunks with a new text.';
comment on column corpus.ingestion.chunks_kept is 'Chunks of stored documents whose text was as before.';
comment on column corpus.ingestion.chunks_removed is 'Chunks that went.';
comment on column corpus.ingestion.embedded is 'Embeddings bought.';
comment on column corpus.ingestion.reused is 'Embeddings that had been bought before.';
comment on column corpus.ingestion.requests is 'Requests to the model.';
comment on column corpus.ingestion.tokens is 'Tokens billed.';
comment on column corpus.ingestion.cost_usd is 'Cost in US dollars.';
comment on column corpus.ingestion.scanned_at is 'When the source was scanned.';
comment on column corpus.ingestion.published_at is 'When its documents became searchable.';

create table corpus.ingestion_file (
    ingestion_id uuid not null references corpus.ingestion on delete cascade,
    path text not null,
    tenant text not null,
    action text not null check (action in ('store', 'refuse', 'remove')),
    shard integer not null default 0,
    document_id uuid not null,
    kind text,
    bytes bigint,
    sha256 bytea,
    reason_code text,
    reason text,
    primary key (ingestion_id, path),
    check ((action = 'refuse') = (reason is not null))
);
create index ingestion_file_by_shard on corpus.ingestion_file (ingestion_id, shard) where action = 'store';
create index ingestion_file_by_document on corpus.ingestion_file (document_id);
comment on table corpus.ingestion_file is 'What an ingestion is to do with each file that is not as we have it; gone once it is published.';
comment on column corpus.ingestion_file.ingestion_id is 'The ingestion.';
comment on column corpus.ingestion_file.path is 'Path below the source.';
comment on column corpus.ingestion_file.tenant is 'Whose.';
comment on column corpus.ingestion_file.action is 'store, refuse or remove.';
comment on column corpus.ingestion_file.shard is 'The mapped task that prepares it.';
comment on column corpus.ingestion_file.document_id is 'Id of the document, made of source and path.';
comment on column corpus.ingestion_file.kind is 'markdown, text, html or pdf.';
comment on column corpus.ingestion_file.bytes is 'Size.';
comment on column corpus.ingestion_file.sha256 is 'SHA-256 of the bytes when scanned.';
comment on column corpus.ingestion_file.reason_code is 'Why it is refused, as a code.';
comment on column corpus.ingestion_file.reason is 'Why it is refused, in a sentence.';

create table corpus.document_version (
    version_id uuid primary key,
    tenant text not null,
    document_id uuid not null,
    source_id uuid not null references corpus.source,
    path text not null,
    source_sha256 bytea not null,
    text_sha256 bytea not null,
    text text,
    title text,
    language text not null,
    pages integer,
    pipeline text not null,
    code_version text not null,
    run_id uuid not null,
    published_at timestamptz not null default now(),
    superseded_at timestamptz,
    removed_at timestamptz,
    check (removed_at is null or (text is null and title is null))
);
create index version_by_document on corpus.document_version (document_id);
comment on table corpus.document_version is 'Every version that was ever published. The text of a document that left its source is gone; its fingerprints stay.';
comment on column corpus.document_version.version_id is 'Id, made of document, bytes and pipeline.';
comment on column corpus.document_version.tenant is 'Whose.';
comment on column corpus.document_version.document_id is 'The document; its row is gone when it left its source.';
comment on column corpus.document_version.source_id is 'The source.';
comment on column corpus.document_version.path is 'Path below the source.';
comment on column corpus.document_version.source_sha256 is 'SHA-256 of the file.';
comment on column corpus.document_version.text_sha256 is 'SHA-256 of the extracted text.';
comment on column corpus.document_version.text is 'personal: the extracted text, into which all spans point; kept while the document is in its source; erased with it.';
comment on column corpus.document_version.title is 'personal: the title; kept while the document is in its source; erased with it.';
comment on column corpus.document_version.language is 'ISO 639-1, or und.';
comment on column corpus.document_version.pages is 'Pages, for kinds that have them.';
comment on column corpus.document_version.pipeline is 'Fingerprint of extraction and chunking.';
comment on column corpus.document_version.code_version is 'Version of the code.';
comment on column corpus.document_version.run_id is 'The run (lineage.run) that published it.';
comment on column corpus.document_version.published_at is 'When it became searchable.';
comment on column corpus.document_version.superseded_at is 'When a later version took its place.';
comment on column corpus.document_version.removed_at is 'When the document left its source.';

create table corpus.document (
    document_id uuid primary key,
    tenant text not null,
    source_id uuid not null references corpus.source,
    path text not null,
    version_id uuid not null references corpus.document_version,
    source_sha256 bytea not null,
    pipeline text not null,
    kind text not null,
    title text,
    language text not null,
    bytes bigint not null,
    metadata jsonb not null default '{}',
    first_published_at timestamptz not null default now(),
    published_at timestamptz not null default now(),
    unique (source_id, path),
    unique (document_id, version_id)
);
comment on table corpus.document is 'The documents that are searchable now.';
comment on column corpus.document.document_id is 'Id, made of source and path.';
comment on column corpus.document.tenant is 'Whose.';
comment on column corpus.document.source_id is 'The source.';
comment on column corpus.document.path is 'Path below the source.';
comment on column corpus.document.version_id is 'The version that is searchable.';
comment on column corpus.document.source_sha256 is 'SHA-256 of the file.';
comment on column corpus.document.pipeline is 'Fingerprint of the extraction and chunking that read it.';
comment on column corpus.document.kind is 'markdown, text, html or pdf.';
comment on column corpus.document.title is 'personal: the title; kept while the document is in its source; erased with it.';
comment on column corpus.document.language is 'ISO 639-1, or und.';
comment on column corpus.document.bytes is 'Size of the file.';
comment on column corpus.document.metadata is 'personal: what the file says of itself (front matter, PDF properties); kept while the document is in its source; erased with it.';
comment on column corpus.document.first_published_at is 'When it was first searchable.';
comment on column corpus.document.published_at is 'When its present version became searchable.';

create table corpus.chunk (
    chunk_id uuid primary key,
    tenant text not null,
    document_id uuid not null,
    version_id uuid not null,
    ordinal integer not null check (ordinal >= 0),
    span_start integer not null check (span_start >= 0),
    span_end integer not null,
    page integer,
    heading_path text[] not null default '{}',
    language text not null,
    tokens integer not null check (tokens > 0),
    text text not null,
    text_sha256 bytea not null,
    answer_key bytea not null,
    check (span_end > span_start),
    unique (document_id, ordinal) deferrable,
    -- One key instead of two: a chunk is of the version that is in force, and goes with its document.
    foreign key (document_id, version_id) references corpus.document (document_id, version_id) on delete cascade deferrable
);
create index chunk_by_answer_key on corpus.chunk (answer_key);
comment on table corpus.chunk is 'The searchable pieces: exact spans of the text of the version that is in force.';
comment on column corpus.chunk.chunk_id is 'Id, made of document, text and how often that text came before it; an edit elsewhere leaves it as it is.';
comment on column corpus.chunk.tenant is 'Whose.';
comment on column corpus.chunk.document_id is 'The document.';
comment on column corpus.chunk.version_id is 'The version whose text the span points into.';
comment on column corpus.chunk.ordinal is 'Position in the document, from 0.';
comment on column corpus.chunk.span_start is 'First character, from 0.';
comment on column corpus.chunk.span_end is 'One past the last character.';
comment on column corpus.chunk.page is 'Page that it begins on, for kinds that have pages.';
comment on column corpus.chunk.heading_path is 'personal: headings above it, outermost first; kept with the chunk; erased with it.';
comment on column corpus.chunk.language is 'ISO 639-1, or und.';
comment on column corpus.chunk.tokens is 'Tokens, by the provider''s tokenizer.';
comment on column corpus.chunk.text is 'personal: the text of the span; kept while the document has it; erased with it.';
comment on column corpus.chunk.text_sha256 is 'SHA-256 of the text.';
comment on column corpus.chunk.answer_key is 'Key (ledger.answer) of its embedding in the index in force.';

create table corpus.chunk_terms (
    chunk_id uuid not null references corpus.chunk on delete cascade,
    tenant text not null,
    length integer not null check (length >= 0),
    terms tsvector not null,
    primary key (chunk_id, tenant)
) partition by list (tenant);
comment on table corpus.chunk_terms is 'The words of each chunk, for lexical search. Partitioned by tenant.';
comment on column corpus.chunk_terms.chunk_id is 'The chunk.';
comment on column corpus.chunk_terms.tenant is 'Whose.';
comment on column corpus.chunk_terms.length is 'Number of words.';
comment on column corpus.chunk_terms.terms is 'personal: stems, with how often each occurs; kept with the chunk; erased with it.';

create table corpus.term (
    tenant text not null,
    term text not null,
    chunks integer not null check (chunks >= 0),
    primary key (tenant, term)
);
comment on table corpus.term is 'In how many chunks each stem occurs; kept in step by every publication.';
comment on column corpus.term.tenant is 'Whose.';
comment on column corpus.term.term is 'personal: a stem; kept while a chunk has it; erased with the last chunk that has it.';
comment on column corpus.term.chunks is 'Chunks that hold it.';

create table corpus.statistics (
    tenant text primary key,
    chunks bigint not null default 0 check (chunks >= 0),
    words bigint not null default 0 check (words >= 0)
);
comment on table corpus.statistics is 'Size of the lexical index of a tenant; kept in step by every publication.';
comment on column corpus.statistics.tenant is 'Whose.';
comment on column corpus.statistics.chunks is 'Chunks.';
comment on column corpus.statistics.words is 'Sum of their lengths in words.';

create table corpus.refused_document (
    source_id uuid not null references corpus.source,
    path text not null,
    tenant text not null,
    ingestion_id uuid not null,
    sha256 bytea,
    bytes bigint,
    code text not null,
    reason text not null,
    pipeline text not null,
    still_published boolean not null,
    first_refused_at timestamptz not null default now(),
    last_refused_at timestamptz not null default now(),
    tried_at timestamptz not null default now(),
    primary key (source_id, path)
);
comment on table corpus.refused_document is 'Files that could not be taken in, each with a reason a person understands; gone when the file is mended or removed.';
comment on column corpus.refused_document.source_id is 'The source.';
comment on column corpus.refused_document.path is 'Path below the source.';
comment on column corpus.refused_document.tenant is 'Whose.';
comment on column corpus.refused_document.ingestion_id is 'The ingestion that last refused it.';
comment on column corpus.refused_document.sha256 is 'SHA-256 of the bytes, where they could be read.';
comment on column corpus.refused_document.bytes is 'Size.';
comment on column corpus.refused_document.code is 'The reason as a code.';
comment on column corpus.refused_document.reason is 'The reason in a sentence.';
comment on column corpus.refused_document.pipeline is 'Fingerprint of the extraction that refused it; a new one tries again.';
comment on column corpus.refused_document.still_published is 'Whether an earlier, readable version of it is still searchable.';
comment on column corpus.refused_document.first_refused_at is 'When it was first refused.';
comment on column corpus.refused_document.last_refused_at is 'When it was last refused.';
comment on column corpus.refused_document.tried_at is 'When it was last read in vain; one that was too much for its reader is tried again after a day.';

-- Scratch: what a run has prepared and not yet published. Unlogged: a crash of the server empties it, and the next run
-- prepares it again and pays nothing, because the answers are kept in ledger.answer.
create unlogged table corpus.staged_document (
    document_id uuid primary key,
    tenant text not null,
    source_id uuid not null,
    path text not null,
    version_id uuid not null,
    source_sha256 bytea not null,
    text_sha256 bytea not null,
    text text not null,
    title text,
    language text not null,
    pages integer,
    kind text not null,
    bytes bigint not null,
    metadata jsonb not null,
    pipeline text not null,
    index_id integer not null
);
comment on table corpus.staged_document is 'Documents that are prepared and not yet published.';
comment on column corpus.staged_document.document_id is 'As in corpus.document.';
comment on column corpus.staged_document.tenant is 'Whose.';
comment on column corpus.staged_document.source_id is 'As in corpus.document.';
comment on column corpus.staged_document.path is 'As in corpus.document.';
comment on column corpus.staged_document.version_id is 'As in corpus.document_version.';
comment on column corpus.staged_document.source_sha256 is 'As in corpus.document_version.';
comment on column corpus.staged_document.text_sha256 is 'As in corpus.document_version.';
comment on column corpus.staged_document.text is 'personal: as in corpus.document_version; kept until published; erased by the next run over the source.';
comment on column corpus.staged_document.title is 'personal: as in corpus.document; kept until published; erased by the next run over the source.';
comment on column corpus.staged_document.language is 'As in corpus.document.';
comment on column corpus.staged_document.pages is 'As in corpus.document_version.';
comment on column corpus.staged_document.kind is 'As in corpus.document.';
comment on column corpus.staged_document.bytes is 'As in corpus.document.';
comment on column corpus.staged_document.metadata is 'personal: as in corpus.document; kept until published; erased by the next run over the source.';
comment on column corpus.staged_document.pipeline is 'As in corpus.document.';
comment on column corpus.staged_document.index_id is 'The index version that its answer keys are for.';

create unlogged table corpus.staged_chunk (
    document_id uuid not null,
    ordinal integer not null,
    tenant text not null,
    chunk_id uuid not null,
    span_start integer not null,
    span_end integer not null,
    page integer,
    heading_path text[] not null,
    language text not null,
    tokens integer not null,
    text text not null,
    text_sha256 bytea not null,
    answer_key bytea not null,
    length integer not null,
    terms tsvector not null,
    primary key (document_id, ordinal)
);
comment on table corpus.staged_chunk is 'Chunks of prepared documents, not yet published.';
comment on column corpus.staged_chunk.document_id is 'The document.';
comment on column corpus.staged_chunk.ordinal is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.tenant is 'Whose.';
comment on column corpus.staged_chunk.chunk_id is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.span_start is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.span_end is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.page is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.heading_path is 'personal: as in corpus.chunk; kept until published; erased by the next run over the source.';
comment on column corpus.staged_chunk.language is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.tokens is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.text is 'personal: as in corpus.chunk; kept until published; erased by the next run over the source.';
comment on column corpus.staged_chunk.text_sha256 is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.answer_key is 'As in corpus.chunk.';
comment on column corpus.staged_chunk.length is 'As in corpus.chunk_terms.';
comment on column corpus.staged_chunk.terms is 'personal: as in corpus.chunk_terms; kept until published; erased by the next run over the source.';

-- Not by a foreign key: it would look up the document of every chunk, which was written a moment before.
create function corpus.delete_staged_chunks() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    delete from corpus.staged_chunk using gone where staged_chunk.document_id = gone.document_id;
    return null;
end
$$;
comment on function corpus.delete_staged_chunks() is 'Staged chunks go with their document.';
create trigger chunks_go_too after delete on corpus.staged_document
    referencing old table as gone for each statement execute function corpus.delete_staged_chunks();

-- Texts of ordinary length stay in the row, as they are: to compress and to unpack them costs more than the room they take.
alter table corpus.staged_document set (toast_tuple_target = 8160);
alter table corpus.staged_chunk set (toast_tuple_target = 8160);
alter table corpus.document_version set (toast_tuple_target = 8160);
alter table corpus.chunk set (toast_tuple_target = 8160);

do $$
declare
    name text;
begin
    foreach name in array array['source', 'vector_index', 'ingestion', 'ingestion_file', 'document_version', 'document', 'chunk', 'chunk_terms',
                                'term', 'statistics', 'refused_document', 'staged_document', 'staged_chunk'] loop
        call core.isolate(('corpus.' || name)::regclass);
    end loop;
end
$$;

create function corpus.source_version_id(of_document uuid, of_sha256 bytea) returns uuid
language sql immutable parallel safe
return encode(substr(sha256(uuid_send(of_document) || of_sha256), 1, 16), 'hex')::uuid;
comment on function corpus.source_version_id(uuid, bytea) is 'Id of a version of a source file: made of its document and its bytes.';

create function corpus.open_tenant(of_tenant text) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    tenant_number integer;
    partition_name text;
begin
    if of_tenant is distinct from core.current_tenant() then
        raise exception 'the transaction is set to tenant %, not to %', core.current_tenant(), of_tenant;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('corpus.open_tenant', 0));
    insert into core.tenant (tenant) values (of_tenant) on conflict do nothing;
    insert into corpus.statistics (tenant) values (of_tenant) on conflict do nothing;
    select number into tenant_number from core.tenant where tenant = of_tenant;
    partition_name := format('corpus.chunk_terms_%s', tenant_number);
    if to_regclass(partition_name) is null then
        execute format('create table %s (like corpus.chunk_terms including all)', partition_name);
        -- Kept in the row: a search looks at thousands of them, and a TOASTed one costs ten times as much.
        execute format('alter table %s alter column terms set storage main', partition_name);
        execute format('alter table %s set (toast_tuple_target = 8160)', partition_name);
        execute format('comment on table %s is %L', partition_name, 'Words of the chunks of tenant ' || of_tenant || '.');
        call core.isolate(partition_name::regclass);
        execute format('grant maintain on %s to plumbline_app', partition_name);
        execute format('alter table corpus.chunk_terms attach partition %s for values in (%L)', partition_name, of_tenant);
    end if;
    return tenant_number;
end
$$;
comment on function corpus.open_tenant(text) is 'Make what a tenant needs before its first document; returns its number.';
revoke all on function corpus.open_tenant(text) from public;
grant execute on function corpus.open_tenant(text) to plumbline_keeper;

create function corpus.open_index(of_tenant text, of_model text, of_dimensions integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    found_id integer;
    made_name text;
begin
    if of_tenant is distinct from core.current_tenant() then
        raise exception 'the transaction is set to tenant %, not to %', core.current_tenant(), of_tenant;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('corpus.open_index', 0));
    select index_id into found_id from corpus.vector_index
    where tenant = of_tenant and model = of_model and dimensions = of_dimensions and state <> 'retired';
    if found_id is not null then
        return found_id;
    end if;
    insert into corpus.vector_index (tenant, model, dimensions, state)
    values (of_tenant, of_model, of_dimensions, 'building')
    returning index_id, table_name into found_id, made_name;
    execute format(
        'create table corpus.%I ('
        'chunk_id uuid primary key references corpus.chunk on delete cascade, '
        'tenant text not null check (tenant = %L), '
        'answer_key bytea not null, '
        'embedding halfvec(%s) not null)', made_name, of_tenant, of_dimensions);
    -- Kept in the row: an exact scan of TOASTed vectors costs three times as much.
    execute format('alter table corpus.%I alter column embedding set storage plain', made_name);
    execute format('comment on table corpus.%I is %L', made_name,
                   format('Vectors of tenant %s by %s, %s dimensions.', of_tenant, of_model, of_dimensions));
    execute format('comment on column corpus.%I.chunk_id is %L', made_name, 'The chunk.');
    execute format('comment on column corpus.%I.tenant is %L', made_name, 'Whose.');
    execute format('comment on column corpus.%I.answer_key is %L', made_name, 'Key (ledger.answer) of the embedding.');
    execute format('comment on column corpus.%I.embedding is %L', made_name,
                   'personal: the embedding; kept with the chunk; erased with it.');
    call core.isolate(format('corpus.%I', made_name)::regclass);
    execute format('grant select, insert, update, delete, maintain on corpus.%I to plumbline_app', made_name);
    return found_id;
end
$$;
comment on function corpus.open_index(text, text, integer) is 'The index version of a tenant for a model and a dimension; made if there is none.';
create function corpus.drop_retired_indexes(of_tenant text) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    retired text;
    dropped integer := 0;
begin
    if of_tenant is distinct from core.current_tenant() then
        raise exception 'the transaction is set to tenant %, not to %', core.current_tenant(), of_tenant;
    end if;
    for retired in
        select table_name from corpus.vector_index
        where tenant = of_tenant and state = 'retired' and to_regclass(format('corpus.%I', table_name)) is not null
        order by index_id
    loop
        execute format('drop table corpus.%I', retired);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
comment on function corpus.drop_retired_indexes(text) is 'Drop the tables of index versions that no search uses any more; returns how many.';
revoke all on function corpus.drop_retired_indexes(text) from public;
grant execute on function corpus.drop_retired_indexes(text) to plumbline_keeper;
revoke all on function corpus.open_index(text, text, integer) from public;
grant execute on function corpus.open_index(text, text, integer) to plumbline_keeper;

grant usage on schema corpus to plumbline_app, plumbline_keeper, plumbline_auditor, plumbline_reporter;
grant select, insert, update, delete on
    corpus.source, corpus.ingestion_file, corpus.document, corpus.chunk, corpus.chunk_terms, corpus.term,
    corpus.refused_document, corpus.staged_document, corpus.staged_chunk to plumbline_app;
grant select, insert, update on corpus.ingestion, corpus.document_version, corpus.statistics to plumbline_app;
grant select, update on corpus.vector_index to plumbline_app;
-- A publication reads what was written a moment ago; without fresh statistics the planner takes it for empty.
grant maintain on corpus.staged_document, corpus.staged_chunk, corpus.ingestion_file, corpus.document, corpus.document_version,
    corpus.chunk, corpus.chunk_terms to plumbline_app;
grant select on corpus.source, corpus.vector_index, corpus.ingestion, corpus.refused_document, corpus.statistics
    to plumbline_auditor, plumbline_reporter;
grant select (version_id, tenant, document_id, source_id, path, source_sha256, text_sha256, language, pages, pipeline,
              code_version, run_id, published_at, superseded_at, removed_at)
    on corpus.document_version to plumbline_auditor, plumbline_reporter;
grant select (document_id, tenant, source_id, path, version_id, source_sha256, pipeline, kind, language, bytes,
              first_published_at, published_at)
    on corpus.document to plumbline_auditor, plumbline_reporter;
grant select (chunk_id, tenant, document_id, version_id, ordinal, span_start, span_end, page, language, tokens, text_sha256,
              answer_key)
    on corpus.chunk to plumbline_auditor, plumbline_reporter;
