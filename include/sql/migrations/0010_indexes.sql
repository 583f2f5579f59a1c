-- More than one index version beside the one in force: built, compared, swapped, brought back; and graphs that are built anew
-- instead of being vacuumed (docs/decisions/0014).

alter table corpus.vector_index
    add column instead_of_model text,
    add column instead_of_dimensions integer,
    add column worked_at timestamptz,
    add column kept_until timestamptz,
    add column graph_rows bigint check (graph_rows >= 0),
    add column removed bigint not null default 0 check (removed >= 0),
    add column removed_since timestamptz,
    add column copied_from integer references corpus.vector_index,
    add constraint instead_of_is_whole check ((instead_of_model is null) = (instead_of_dimensions is null));
comment on column corpus.vector_index.instead_of_model is
    'The model that the Connection named when this one was put into force in its place; empty, where that was its own.';
comment on column corpus.vector_index.instead_of_dimensions is 'The dimensions that the Connection named then.';
comment on column corpus.vector_index.worked_at is
    'When vectors were last bought for it beside the one in force; for a day after, no answer by its model is swept.';
comment on column corpus.vector_index.kept_until is
    'How long the table of a retired one is kept, so that it can be brought back; empty: until the next building of search indexes.';
comment on column corpus.vector_index.graph_rows is 'Vectors that its graph was built of; empty: it has no graph, and is searched exactly.';
comment on column corpus.vector_index.removed is 'Vectors that were removed or replaced since its graph was built: dead entries of the graph.';
comment on column corpus.vector_index.removed_since is 'When the first of them was removed.';
comment on column corpus.vector_index.copied_from is 'The version whose vectors it took over, to build their graph anew; they were not bought again.';
-- A copy of the version in force is made beside it; for each model, one at a time is in the making.
drop index corpus.vector_index_alive;
create unique index vector_index_making on corpus.vector_index (tenant, model, dimensions) where state = 'building';

create table corpus.index_comparison (
    comparison_id uuid primary key,
    tenant text not null,
    index_id integer not null references corpus.vector_index,
    against_id integer not null references corpus.vector_index,
    run_id uuid not null,
    compared_at timestamptz not null default now(),
    questions integer not null check (questions > 0),
    questions_sha256 bytea not null,
    results integer not null check (results > 0),
    hit_1 double precision not null check (hit_1 between 0 and 1),
    hit_5 double precision not null check (hit_5 between 0 and 1),
    mrr double precision not null check (mrr between 0 and 1),
    against_hit_1 double precision not null check (against_hit_1 between 0 and 1),
    against_hit_5 double precision not null check (against_hit_5 between 0 and 1),
    against_mrr double precision not null check (against_mrr between 0 and 1),
    overlap double precision not null check (overlap between 0 and 1),
    worse text[] not null,
    better text[] not null,
    tokens bigint not null check (tokens >= 0),
    cost_usd numeric(18, 9) not null check (cost_usd >= 0),
    check (index_id <> against_id)
);
create index index_comparison_by_index on corpus.index_comparison (index_id, compared_at);
comment on table corpus.index_comparison is 'Golden questions, searched in an index version and in the one in force: what a swap is based on.';
comment on column corpus.index_comparison.comparison_id is 'Id of the comparison.';
comment on column corpus.index_comparison.tenant is 'Whose.';
comment on column corpus.index_comparison.index_id is 'The version that might be put into force.';
comment on column corpus.index_comparison.against_id is 'The version that was in force.';
comment on column corpus.index_comparison.run_id is 'The run (lineage.run) that compared.';
comment on column corpus.index_comparison.compared_at is 'When.';
comment on column corpus.index_comparison.questions is 'Questions that were asked.';
comment on column corpus.index_comparison.questions_sha256 is 'SHA-256 over them and over the documents that answer them.';
comment on column corpus.index_comparison.results is 'Results looked at for each question.';
comment on column corpus.index_comparison.hit_1 is 'Share of questions whose first result is of a document that answers them.';
comment on column corpus.index_comparison.hit_5 is 'Share with such a document among the first five.';
comment on column corpus.index_comparison.mrr is 'Mean of 1 / rank of the first such document; 0, where there is none among the results.';
comment on column corpus.index_comparison.against_hit_1 is 'The same in the version that was in force.';
comment on column corpus.index_comparison.against_hit_5 is 'The same in the version that was in force.';
comment on column corpus.index_comparison.against_mrr is 'The same in the version that was in force.';
comment on column corpus.index_comparison.overlap is 'Mean share of results that both have in common.';
comment on column corpus.index_comparison.worse is 'Ids of the questions whose first such document came later than before, or not at all.';
comment on column corpus.index_comparison.better is 'Ids of those for which it came sooner.';
comment on column corpus.index_comparison.tokens is 'Tokens billed for the questions.';
comment on column corpus.index_comparison.cost_usd is 'What they cost, in US dollars.';
call core.isolate('corpus.index_comparison');
grant select, insert on corpus.index_comparison to plumbline_app;
grant select on corpus.index_comparison to plumbline_auditor, plumbline_reporter;

alter table corpus.vector_index add column compared_by uuid references corpus.index_comparison;
comment on column corpus.vector_index.compared_by is 'The comparison that its swap was based on; empty, where it was swapped without one.';

create procedure corpus.hold_to_tenant(of_tenant text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if of_tenant is null or of_tenant is distinct from core.current_tenant() then
        raise exception 'the transaction is set to tenant %, not to %', core.current_tenant(), of_tenant
            using errcode = 'insufficient_privilege';
    end if;
end
$$;
comment on procedure corpus.hold_to_tenant(text) is 'Refuse to work for another tenant than the transaction is set to.';
revoke all on procedure corpus.hold_to_tenant(text) from public;

-- The constant of the one rule by which a table gets a graph: comparing vectors one by one takes 0.4 microseconds and 0.0006
-- for each dimension; to some 20 milliseconds that is exact, and free of a graph, which takes ten times as long to build as
-- all the rest of an ingestion.
create function corpus.calls_for_graph(vectors bigint, dimensions integer) returns boolean
language sql immutable parallel safe
return vectors * (0.4 + 0.0006 * dimensions) > 20000;
comment on function corpus.calls_for_graph(bigint, integer) is 'Whether so many vectors of so many dimensions are worth a graph.';

create procedure corpus.make_vector_table(of_index integer)
language plpgsql set search_path = pg_catalog, public, pg_temp as $$
declare
    made corpus.vector_index;
begin
    select * into strict made from corpus.vector_index where index_id = of_index;
    execute format(
        'create table corpus.%I ('
        'chunk_id uuid primary key references corpus.chunk on delete cascade, '
        'tenant text not null check (tenant = %L), '
        'answer_key bytea not null, '
        'embedding halfvec(%s) not null)', made.table_name, made.tenant, made.dimensions);
    -- Kept in the row: an exact scan of TOASTed vectors costs three times as much.
    execute format('alter table corpus.%I alter column embedding set storage plain', made.table_name);
    execute format('comment on table corpus.%I is %L', made.table_name,
                   format('Vectors of tenant %s by %s, %s dimensions.', made.tenant, made.model, made.dimensions));
    execute format('comment on column corpus.%I.chunk_id is %L', made.table_name, 'The chunk.');
    execute format('comment on column corpus.%I.tenant is %L', made.table_name, 'Whose.');
    execute format('comment on column corpus.%I.answer_key is %L', made.table_name, 'Key (ledger.answer) of the embedding.');
    execute format('comment on column corpus.%I.embedding is %L', made.table_name,
                   'personal: the embedding; kept with the chunk; erased with it.');
    call core.isolate(format('corpus.%I', made.table_name)::regclass);
    execute format('grant select, insert, update, delete, maintain on corpus.%I to plumbline_app', made.table_name);
end
$$;
comment on procedure corpus.make_vector_table(integer) is 'Make the table of an index version.';
revoke all on procedure corpus.make_vector_table(integer) from public;

create or replace function corpus.open_index(of_tenant text, of_model text, of_dimensions integer) returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    found_id integer;
begin
    call corpus.hold_to_tenant(of_tenant);
    perform pg_advisory_xact_lock(hashtextextended('corpus.open_index', 0));
    select index_id into found_id from corpus.vector_index
    where tenant = of_tenant and model = of_model and dimensions = of_dimensions and state <> 'retired'
    order by state = 'in_force' desc limit 1;
    if found_id is null then
        insert into corpus.vector_index (tenant, model, dimensions, state)
        values (of_tenant, of_model, of_dimensions, 'building')
        returning index_id into found_id;
        call corpus.make_vector_table(found_id);
    end if;
    return found_id;
end
$$;

create function corpus.build_graph(of_tenant text, of_index integer) returns text
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    entries constant bigint := (select chunks from corpus.statistics where tenant = of_tenant);
    made corpus.vector_index;
    graph_index text;
    megabytes bigint;
    vectors bigint;
begin
    call corpus.hold_to_tenant(of_tenant);
    select * into strict made from corpus.vector_index where tenant = of_tenant and index_id = of_index;
    graph_index := made.table_name || '_graph';
    if to_regclass(format('corpus.%I', graph_index)) is not null or not corpus.calls_for_graph(entries, made.dimensions) then
        return null;
    end if;
    -- In memory, or several times slower.
    megabytes := 64 + entries * (2 * made.dimensions + 400) / 1048576;
    if megabytes > pg_size_bytes(current_setting('maintenance_work_mem')) / 1048576 then
        perform set_config('maintenance_work_mem', least(megabytes, 2048) || 'MB', true);
    end if;
    -- pgvector's defaults (16, 64) build in 40 % of the time, and then find 89 of 100 neighbours among passages that
    -- overlap, where these find 98.  Helpers are asked for: the planner would judge by the pages alone and take few.
    execute format('alter table corpus.%I set (parallel_workers = 8)', made.table_name);
    execute format('create index %I on corpus.%I using hnsw (embedding halfvec_cosine_ops) '
                   'with (m = 24, ef_construction = 128)', graph_index, made.table_name);
    execute format('alter table corpus.%I reset (parallel_workers)', made.table_name);
    -- A vacuum that cleans a graph mends the neighbours of all that is gone, for minutes: this one is built anew instead.
    execute format('alter table corpus.%I set (vacuum_index_cleanup = off)', made.table_name);
    execute format('analyze corpus.%I', made.table_name);
    execute format('select count(*) from corpus.%I', made.table_name) into vectors;
    update corpus.vector_index set graph_rows = vectors, removed = 0, removed_since = null where index_id = of_index;
    return graph_index;
end
$$;
comment on function corpus.build_graph(text, integer) is
    'Build the graph of an index version, where its size is worth it and it is not there; returns its name, or null.';
revoke all on function corpus.build_graph(text, integer) from public;
grant execute on function corpus.build_graph(text, integer) to plumbline_keeper;

create function corpus.drop_graph(of_tenant text, of_index integer) returns boolean
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    made corpus.vector_index;
begin
    call corpus.hold_to_tenant(of_tenant);
    select * into strict made from corpus.vector_index where tenant = of_tenant and index_id = of_index;
    if made.state = 'in_force' then
        raise exception 'the index % is in force', of_index using errcode = 'object_in_use';
    end if;
    if to_regclass(format('corpus.%I', made.table_name || '_graph')) is null then
        return false;
    end if;
    execute format('drop index corpus.%I', made.table_name || '_graph');
    execute format('alter table corpus.%I reset (vacuum_index_cleanup)', made.table_name);
    update corpus.vector_index set graph_rows = null, removed = 0, removed_since = null where index_id = of_index;
    return true;
end
$$;
comment on function corpus.drop_graph(text, integer) is
    'Drop the graph of an index version that is not in force: building it anew, when it is wanted, is cheaper than mending it.';
revoke all on function corpus.drop_graph(text, integer) from public;
grant execute on function corpus.drop_graph(text, integer) to plumbline_keeper;

create function corpus.is_worn(version corpus.vector_index, worn_share double precision, worn_least bigint, worn_age interval)
returns boolean
language sql stable
return version.graph_rows is not null
       and (version.removed >= greatest(worn_least, worn_share * version.graph_rows) or version.removed_since < now() - worn_age);
comment on function corpus.is_worn(corpus.vector_index, double precision, bigint, interval) is
    'Whether the graph of an index version has so large a share of dead entries, and so many, or any for so long.';
revoke all on function corpus.is_worn(corpus.vector_index, double precision, bigint, interval) from public;

create function corpus.drop_worn_graphs(of_tenant text, worn_share double precision, worn_least bigint, worn_age interval)
returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    worn corpus.vector_index;
    dropped integer := 0;
begin
    call corpus.hold_to_tenant(of_tenant);
    for worn in
        select * from corpus.vector_index
        where tenant = of_tenant and state <> 'in_force'
            and corpus.is_worn(vector_index, worn_share, worn_least, worn_age)
        order by index_id
    loop
        if corpus.drop_graph(of_tenant, worn.index_id) then
            dropped := dropped + 1;
        end if;
    end loop;
    return dropped;
end
$$;
comment on function corpus.drop_worn_graphs(text, double precision, bigint, interval) is
    'Drop the worn graphs of index versions that are not in force, which nobody renews; returns how many.';
revoke all on function corpus.drop_worn_graphs(text, double precision, bigint, interval) from public;
grant execute on function corpus.drop_worn_graphs(text, double precision, bigint, interval) to plumbline_keeper;

create or replace function corpus.build_search_indexes(of_tenant text) returns text[]
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    entries constant bigint := (select chunks from corpus.statistics where tenant = of_tenant);
    terms_table constant text := (select 'chunk_terms_' || number from core.tenant where tenant = of_tenant);
    words_index constant text := terms_table || '_words';
    in_force integer;
    graph_index text;
    built text[] := '{}';
begin
    call corpus.hold_to_tenant(of_tenant);
    perform pg_advisory_xact_lock(hashtextextended('corpus.build_search_indexes ' || of_tenant, 0));

    -- Words.  New rows first go to a list of pending ones, which makes adding them five times cheaper and searching a little
    -- dearer: so the list is worked off here, after each publication.
    if to_regclass(format('corpus.%I', words_index)) is not null then
        perform gin_clean_pending_list(format('corpus.%I', words_index)::regclass);
    elsif entries > 2000 then
        execute format('create index %I on corpus.%I using gin (terms)', words_index, terms_table);
        execute format('analyze corpus.%I', terms_table);
        built := built || words_index;
    end if;

    select index_id into in_force from corpus.vector_index where tenant = of_tenant and state = 'in_force';
    if found then
        graph_index := corpus.build_graph(of_tenant, in_force);
        if graph_index is not null then
            built := built || graph_index;
        end if;
    end if;
    return built;
end
$$;

create function corpus.open_renewal(of_tenant text, worn_share double precision, worn_least bigint, worn_age interval)
returns integer
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    worn corpus.vector_index;
    renewed_id integer;
begin
    call corpus.hold_to_tenant(of_tenant);
    select * into worn from corpus.vector_index
    where tenant = of_tenant and state = 'in_force' and corpus.is_worn(vector_index, worn_share, worn_least, worn_age);
    if not found then
        return null;
    end if;
    -- One that was left by a renewal that died is taken up again.
    select index_id into renewed_id from corpus.vector_index
    where tenant = of_tenant and state = 'building' and model = worn.model and dimensions = worn.dimensions;
    if renewed_id is null then
        insert into corpus.vector_index (tenant, model, dimensions, state)
        values (of_tenant, worn.model, worn.dimensions, 'building')
        returning index_id into renewed_id;
        call corpus.make_vector_table(renewed_id);
    end if;
    update corpus.vector_index set copied_from = worn.index_id where index_id = renewed_id;
    return renewed_id;
end
$$;
comment on function corpus.open_renewal(text, double precision, bigint, interval) is
    'Where the graph in force has so large a share of dead entries, or any for so long: open the version that takes its place; else null.';
revoke all on function corpus.open_renewal(text, double precision, bigint, interval) from public;
grant execute on function corpus.open_renewal(text, double precision, bigint, interval) to plumbline_keeper;

create function corpus.renew_index(of_tenant text, of_index integer) returns bigint
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    fresh corpus.vector_index;
    worn corpus.vector_index;
    copied bigint;
begin
    call corpus.hold_to_tenant(of_tenant);
    select * into fresh from corpus.vector_index
    where tenant = of_tenant and index_id = of_index and state = 'building';
    select * into worn from corpus.vector_index
    where tenant = of_tenant and index_id = fresh.copied_from and state = 'in_force';
    -- A swap since it was opened has retired both; or somebody has dropped the copy.
    if worn.index_id is null then
        return 0;
    end if;
    execute format('insert into corpus.%I (chunk_id, tenant, answer_key, embedding) '
                   'select chunk_id, tenant, answer_key, embedding from corpus.%I on conflict (chunk_id) do update '
                   'set answer_key = excluded.answer_key, embedding = excluded.embedding', fresh.table_name, worn.table_name);
    get diagnostics copied = row_count;
    execute format('analyze corpus.%I', fresh.table_name);
    perform corpus.build_graph(of_tenant, of_index);
    update corpus.vector_index set state = 'retired', retired_at = now(), kept_until = null where index_id = worn.index_id;
    update corpus.vector_index
    set state = 'in_force', in_force_at = now(), worked_at = null, compared_by = worn.compared_by,
        instead_of_model = worn.instead_of_model, instead_of_dimensions = worn.instead_of_dimensions
    where index_id = of_index;
    -- An ingestion under way goes on: the model is the same, the answers that it buys are the same.
    update corpus.ingestion set index_id = of_index where index_id = worn.index_id and state = 'scanned';
    update corpus.staged_document set index_id = of_index where index_id = worn.index_id;
    return copied;
end
$$;
comment on function corpus.renew_index(text, integer) is
    'Copy the vectors in force to a version opened by corpus.open_renewal, build its graph and put it into force; returns how many, '
    '0 where either is no longer what it was.';
revoke all on function corpus.renew_index(text, integer) from public;
grant execute on function corpus.renew_index(text, integer) to plumbline_keeper;

create or replace function corpus.drop_retired_indexes(of_tenant text) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    retired text;
    dropped integer := 0;
begin
    call corpus.hold_to_tenant(of_tenant);
    for retired in
        select table_name from corpus.vector_index
        where tenant = of_tenant and state = 'retired' and (kept_until is null or kept_until < now())
            and to_regclass(format('corpus.%I', table_name)) is not null
        order by index_id
    loop
        execute format('drop table corpus.%I', retired);
        dropped := dropped + 1;
    end loop;
    return dropped;
end
$$;
comment on function corpus.drop_retired_indexes(text) is
    'Drop the tables of index versions that no search uses any more and that are not kept; returns how many.';

create function corpus.drop_index(of_tenant text, of_index integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    gone corpus.vector_index;
begin
    call corpus.hold_to_tenant(of_tenant);
    select * into strict gone from corpus.vector_index where tenant = of_tenant and index_id = of_index;
    if gone.state = 'in_force' then
        raise exception 'the index % is in force', of_index using errcode = 'object_in_use';
    end if;
    execute format('drop table if exists corpus.%I', gone.table_name);
    update corpus.vector_index
    set state = 'retired', retired_at = coalesce(retired_at, now()), kept_until = null, worked_at = null
    where index_id = of_index;
    -- An ingestion that was to fill it has nothing to fill: the next scan of its source begins anew.
    update corpus.ingestion set state = 'superseded' where index_id = of_index and state = 'scanned';
end
$$;
comment on function corpus.drop_index(text, integer) is 'Drop the table of an index version that is not in force; its row stays, as retired.';
revoke all on function corpus.drop_index(text, integer) from public;
grant execute on function corpus.drop_index(text, integer) to plumbline_keeper;

-- Graphs that are there already.
do $$
declare
    one corpus.vector_index;
    vectors bigint;
begin
    for one in select * from corpus.vector_index
               where to_regclass(format('corpus.%I', table_name || '_graph')) is not null loop
        execute format('alter table corpus.%I set (vacuum_index_cleanup = off)', one.table_name);
        execute format('select count(*) from corpus.%I', one.table_name) into vectors;
        update corpus.vector_index set graph_rows = vectors where index_id = one.index_id;
    end loop;
end
$$;

-- As before, and over the version that a comparison names.
create or replace function corpus.search_chunks(
    of_tenant text,
    query_vector public.halfvec,
    query_terms text[],
    wanted integer,
    from_sources text[] default null,
    under_path text default null,
    in_languages text[] default null,
    of_kinds text[] default null,
    with_metadata jsonb default null,
    of_index integer default null
) returns table (chunk_id uuid, score double precision, lexical double precision, vector double precision)
language plpgsql rows 10 security definer set search_path = pg_catalog, public, pg_temp as $$
#variable_conflict use_column
declare
    k1 constant double precision := 1.2;
    b constant double precision := 0.75;
    -- So many of each half are weighed against each other.
    depth constant integer := greatest(100, 2 * wanted);
    -- The rarest words are looked up first, as many of them as lead to so many scores to be worked out.
    most_scores constant integer := 60000;
    -- The rarest words of a very long question say what it is about.
    most_words constant integer := 32;
    -- So many chunks or fewer are compared one by one.
    few constant integer := 10000;
    filtered constant boolean := coalesce(from_sources, in_languages, of_kinds) is not null
                                 or under_path is not null or with_metadata is not null;
    restriction text := '';
    allowed uuid[];
    terms_table text;
    vector_table text;
    vector_weight double precision;
    has_graph boolean;
    all_chunks double precision;
    mean_length double precision;
    ideal double precision;
    words tsquery[];
    weights double precision[];
    frequencies bigint[];
    picked integer := 0;
    reach bigint := 0;
    most_candidates bigint;
    bm25 text;
    nearest text;
    lexical_ids uuid[] := '{}';
    lexical_scores double precision[] := '{}';
    vector_ids uuid[] := '{}';
    cosines double precision[] := '{}';
begin
    if of_tenant is null or of_tenant is distinct from core.current_tenant() then
        raise exception 'the transaction is set to tenant %, not to %', core.current_tenant(), of_tenant
            using errcode = 'insufficient_privilege';
    end if;
    if wanted is null or wanted not between 1 and 500 then
        raise exception 'wanted must be 1 to 500, not %', wanted using errcode = 'invalid_parameter_value';
    end if;

    -- What may be found.  A filter that leaves few chunks is worked out first; otherwise each candidate is held against it.
    if filtered then
        restriction := 'document.tenant = $1'
            ' and ($2 is null or document.source_id in (select source_id from corpus.source where tenant = $1 and name = any($2)))'
            ' and ($3 is null or starts_with(document.path, $3))'
            ' and ($4 is null or chunk.language = any($4))'
            ' and ($5 is null or document.kind = any($5))'
            ' and ($6 is null or document.metadata @> $6)';
        execute 'select array_agg(chunk_id) from ('
                'select chunk_id from corpus.document join corpus.chunk using (document_id) where ' || restriction
                || ' limit $7) as passing'
            into allowed
            using of_tenant, from_sources, under_path, in_languages, of_kinds, with_metadata, few + 1;
        if allowed is null then
            return;
        elsif cardinality(allowed) <= few then
            restriction := ' and one.chunk_id = any($7)';
        else
            allowed := null;
            restriction := ' and exists (select from corpus.chunk join corpus.document using (document_id)'
                           ' where chunk.chunk_id = one.chunk_id and ' || restriction || ')';
        end if;
    end if;

    -- The index version in force.  A vector that was made for another says nothing here, and would be compared all the same.
    if query_vector is not null then
        select index.table_name, index.vector_weight into vector_table, vector_weight
        from corpus.vector_index as index
        where tenant = of_tenant and index_id = coalesce(of_index, index_id)
            -- Or the one that is compared with it, which the setting of a comparison names together with `of_index`.
            and (state = 'in_force'
                 or (index_id = of_index and index_id::text = current_setting('plumbline.compared_index', true)));
        if not found and of_index is not null then
            raise exception 'the index % is not in force any more; make the query anew', of_index
                using errcode = 'serialization_failure';
        end if;
    end if;

    -- The lexical half.  The words that the tenant has, the rarest first.
    select statistics.chunks, statistics.words / nullif(statistics.chunks, 0)::double precision into all_chunks, mean_length
    from corpus.statistics where tenant = of_tenant;
    with asked as (
        select word, term
        from unnest(query_terms) with ordinality as given (terms, word), unnest(string_to_array(terms, ' ')) as term
    ), found as (
        select term, chunks, ln(1 + (all_chunks - chunks + 0.5) / (chunks + 0.5)) as idf
        from corpus.term where tenant = of_tenant and term in (select term from asked)
        order by chunks, term limit most_words
    )
    select array_agg(array_to_tsvector(array[term])::text::tsquery order by chunks, term),
           array_agg((k1 + 1) * idf order by chunks, term),
           array_agg(chunks order by chunks, term),
           -- What a chunk of average length would score that has every word once.  A model that is trusted more than words is
           -- trusted to bridge languages too: then a word that nobody wrote counts against the lexical half.
           sum(idf) + case when vector_weight > 1 then (
               select count(*) from (
                   select from asked left join found using (term) group by word having count(found.term) = 0
               ) as unknown
           ) * ln(1 + (all_chunks + 0.5) / 0.5) else 0 end
    into words, weights, frequencies, ideal
    from found;

    if words is not null then
        -- BM25.  A term has one position for each occurrence (or none, for one), so ts_rank of a single term is the sum of
        -- 1/n² up to their number, divided by the sum of them all; the rounded expression turns that back into the number.
        select string_agg(format(
                   '%L::float8 * (1 - norm / (norm + round(1 / (1.64493406685::float8 * (1 - ts_rank(''{1,1,1,1}'', terms, %L)))'
                   ' - 0.5::float8)))', weights[n], words[n]), ' + ')
        into bm25 from generate_subscripts(words, 1) as n;
        select 'chunk_terms_' || number into terms_table from core.tenant where tenant = of_tenant;
        bm25 := format('select one.chunk_id, %s as score'
                       ' from corpus.%I as one, lateral (select %L::float8 + %L::float8 * one.length as norm) as length'
                       ' where one.tenant = $1',
                       bm25, terms_table, k1 * (1 - b), k1 * b / mean_length);
        most_candidates := most_scores / greatest(cardinality(words), 8);
        loop
            -- At least one word; with few chunks to compare, all of them.
            loop
                picked := picked + 1;
                reach := reach + frequencies[picked];
                exit when picked = cardinality(words)
                          or (allowed is null and reach + frequencies[picked + 1] > most_candidates);
            end loop;
            execute 'select coalesce(array_agg(chunk_id), ''{}''), coalesce(array_agg(score), ''{}'') from ('
                    || bm25 || ' and one.terms @@ $8' || restriction || ' order by score desc limit $9) as best'
                into lexical_ids, lexical_scores
                using of_tenant, from_sources, under_path, in_languages, of_kinds, with_metadata, allowed,
                      (select string_agg(word::text, ' | ')::tsquery from unnest(words[:picked]) as word), depth;
            -- A filter may have left too few: go on to the more frequent words.
            exit when picked = cardinality(words) or not filtered or cardinality(lexical_ids) >= depth;
            most_candidates := 4 * most_candidates;
        end loop;
    end if;

    -- The vector half.
    if vector_table is not null then
        select exists (
            select from pg_index
            join pg_class on pg_class.oid = pg_index.indexrelid
            join pg_am on pg_am.oid = pg_class.relam
            where pg_index.indrelid = format('corpus.%I', vector_table)::regclass
                and pg_am.amname = 'hnsw' and pg_index.indisvalid
        ) into has_graph;
        nearest := format('select one.chunk_id, one.embedding <=> $8 as distance from corpus.%I as one where one.tenant = $1',
                          vector_table) || restriction;
        if has_graph and allowed is null then
            perform set_config('hnsw.ef_search', greatest(600, depth)::text, true),
                    set_config('hnsw.iterative_scan', 'strict_order', true),
                    set_config('hnsw.max_scan_tuples', '100000', true);
            execute 'select coalesce(array_agg(chunk_id), ''{}''), coalesce(array_agg(1 - distance), ''{}'')'
                    ' from (' || nearest || ' order by distance limit $9) as best'
                into vector_ids, cosines
                using of_tenant, from_sources, under_path, in_languages, of_kinds, with_metadata, allowed, query_vector, depth;
        end if;
        -- Without a graph, or where it did not lead to enough that the filter lets through: compare them all.
        if not has_graph or allowed is not null or (filtered and cardinality(vector_ids) < depth) then
            -- The sum keeps the planner from the graph.
            execute 'select coalesce(array_agg(chunk_id), ''{}''), coalesce(array_agg(1 - distance), ''{}'')'
                    ' from (' || nearest || ' order by (one.embedding <=> $8) + 0 limit $9) as best'
                into vector_ids, cosines
                using of_tenant, from_sources, under_path, in_languages, of_kinds, with_metadata, allowed, query_vector, depth;
        end if;
    end if;

    -- Each candidate gets the score that only the other half has for it.
    if bm25 is not null then
        execute 'select $2 || coalesce(array_agg(chunk_id), ''{}''), $3 || coalesce(array_agg(score), ''{}'') from ('
                || bm25 || ' and one.chunk_id = any($4)) as rest'
            into lexical_ids, lexical_scores
            using of_tenant, lexical_ids, lexical_scores,
                  array(select id from unnest(vector_ids) as id where id <> all (lexical_ids));
    end if;
    if vector_table is not null then
        execute format('select $1 || coalesce(array_agg(chunk_id), ''{}''), $2 || coalesce(array_agg(1 - (embedding <=> $3)), ''{}'')'
                       ' from corpus.%I where chunk_id = any($4)', vector_table)
            into vector_ids, cosines
            using vector_ids, cosines, query_vector,
                  array(select id from unnest(lexical_ids) as id where id <> all (vector_ids));
    end if;

    -- Fused in proportion: the lexical score to the best one or to what it could be, the cosine to the best one.  A cosine
    -- below zero says no more than one of zero.
    return query
    with fused as (
        select chunk_id, coalesce(by_words.score, 0) as lexical, coalesce(by_vector.cosine, 0) as vector
        from unnest(lexical_ids, lexical_scores) as by_words (chunk_id, score)
        full join unnest(vector_ids, cosines) as by_vector (chunk_id, cosine) using (chunk_id)
    ), best as materialized (
        select greatest(max(lexical), ideal, 1e-9) as lexical, greatest(max(vector), 1e-9) as vector from fused
    )
    select fused.chunk_id,
           (fused.lexical / best.lexical + coalesce(vector_weight, 0) * greatest(fused.vector, 0) / best.vector)
           / (1 + coalesce(vector_weight, 0)) as score,
           fused.lexical, fused.vector
    from fused cross join best
    order by score desc, fused.vector desc, fused.chunk_id
    limit wanted;
end
$$;
