-- Hybrid search: kept term statistics, one search function, indexes built when they are worth it.

-- Statistics are kept by the table itself: whoever adds or removes rows, and by whichever way (a cascade included), the
-- counts follow in the same transaction.  BM25 over counts that drifted would be wrong without a sign of it.
create function corpus.count_added_terms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    of_tenant text;
begin
    for of_tenant in select distinct tenant from added order by tenant loop
        -- Two publications at once would lock the same terms in different orders.
        perform pg_advisory_xact_lock(hashtextextended('corpus.term ' || of_tenant, 0));
        insert into corpus.term as kept (tenant, term, chunks)
        select of_tenant, term, count(*)
        from (select unnest(tsvector_to_array(terms)) as term from added where tenant = of_tenant) as occurrence
        group by term
        on conflict (tenant, term) do update set chunks = kept.chunks + excluded.chunks;

        insert into corpus.statistics as kept (tenant, chunks, words)
        select of_tenant, count(*), sum(length) from added where tenant = of_tenant
        on conflict (tenant) do update set chunks = kept.chunks + excluded.chunks, words = kept.words + excluded.words;
    end loop;
    return null;
end
$$;
comment on function corpus.count_added_terms() is 'Add the terms of new rows to corpus.term and corpus.statistics.';

create function corpus.count_removed_terms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    of_tenant text;
begin
    for of_tenant in select distinct tenant from removed order by tenant loop
        perform pg_advisory_xact_lock(hashtextextended('corpus.term ' || of_tenant, 0));
        merge into corpus.term as kept
        using (
            select term, count(*) as chunks
            from (select unnest(tsvector_to_array(terms)) as term from removed where tenant = of_tenant) as occurrence
            group by term
        ) as gone on kept.tenant = of_tenant and kept.term = gone.term
        when matched and kept.chunks = gone.chunks then delete
        when matched then update set chunks = kept.chunks - gone.chunks;

        update corpus.statistics
        set chunks = statistics.chunks - gone.chunks, words = statistics.words - gone.words
        from (select count(*) as chunks, sum(length) as words from removed where tenant = of_tenant) as gone
        where statistics.tenant = of_tenant;
    end loop;
    return null;
end
$$;
comment on function corpus.count_removed_terms() is 'Subtract the terms of removed rows from corpus.term and corpus.statistics.';
revoke all on function corpus.count_added_terms(), corpus.count_removed_terms() from public;
-- The triggers run as the owner; nobody else has a reason to write here.
revoke insert, update, delete on corpus.term, corpus.statistics from plumbline_app;

create trigger count_added after insert on corpus.chunk_terms
    referencing new table as added for each statement execute function corpus.count_added_terms();
create trigger count_removed after delete on corpus.chunk_terms
    referencing old table as removed for each statement execute function corpus.count_removed_terms();
create trigger count_replaced after update on corpus.chunk_terms
    referencing old table as removed for each statement execute function corpus.count_removed_terms();
create trigger count_replacing after update on corpus.chunk_terms
    referencing new table as added for each statement execute function corpus.count_added_terms();

-- Which languages a tenant has is asked by every search.
create index chunk_by_language on corpus.chunk (tenant, language);

alter table corpus.vector_index add column vector_weight double precision not null
    generated always as (case model when 'local-wordllama' then 0.4 else 1.5 end) stored;
comment on column corpus.vector_index.vector_weight is
    'How much the vectors of the model count beside the words, which count 1; the embedded model is weaker than words.';

create function corpus.search_chunks(
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
        where tenant = of_tenant and state = 'in_force' and index_id = coalesce(of_index, index_id);
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
comment on function corpus.search_chunks(text, public.halfvec, text[], integer, text[], text, text[], text[], jsonb, integer) is
    'The best chunks of a tenant for a query vector and query terms (either may be missing), under filters; scores are 0 to 1, BM25, cosine.';
revoke all on function corpus.search_chunks(text, public.halfvec, text[], integer, text[], text, text[], text[], jsonb, integer) from public;
grant execute on function corpus.search_chunks(text, public.halfvec, text[], integer, text[], text, text[], text[], jsonb, integer)
    to plumbline_app;

create function corpus.build_search_indexes(of_tenant text) returns text[]
language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    entries constant bigint := (select chunks from corpus.statistics where tenant = of_tenant);
    terms_table constant text := (select 'chunk_terms_' || number from core.tenant where tenant = of_tenant);
    words_index constant text := terms_table || '_words';
    vector_table text;
    vector_dimensions integer;
    graph_index text;
    megabytes bigint;
    built text[] := '{}';
begin
    if of_tenant is null or of_tenant is distinct from core.current_tenant() then
        raise exception 'the transaction is set to tenant %, not to %', core.current_tenant(), of_tenant
            using errcode = 'insufficient_privilege';
    end if;
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

    -- Vectors.  Comparing them one by one takes 0.4 microseconds and 0.0006 for each dimension; to some 20 milliseconds that
    -- is exact, and free of a graph, which takes ten times as long to build as all the rest of an ingestion.
    select table_name, dimensions into vector_table, vector_dimensions
    from corpus.vector_index where tenant = of_tenant and state = 'in_force';
    graph_index := vector_table || '_graph';
    if to_regclass(format('corpus.%I', graph_index)) is null and entries * (0.4 + 0.0006 * vector_dimensions) > 20000 then
        -- In memory, or several times slower.
        megabytes := 64 + entries * (2 * vector_dimensions + 400) / 1048576;
        if megabytes > pg_size_bytes(current_setting('maintenance_work_mem')) / 1048576 then
            perform set_config('maintenance_work_mem', least(megabytes, 2048) || 'MB', true);
        end if;
        -- pgvector's defaults (16, 64) build in 40 % of the time, and then find 89 of 100 neighbours among passages that
        -- overlap, where these find 98.  Helpers are asked for: the planner would judge by the pages alone and take few.
        execute format('alter table corpus.%I set (parallel_workers = 8)', vector_table);
        execute format('create index %I on corpus.%I using hnsw (embedding halfvec_cosine_ops) '
                       'with (m = 24, ef_construction = 128)', graph_index, vector_table);
        execute format('alter table corpus.%I reset (parallel_workers)', vector_table);
        execute format('analyze corpus.%I', vector_table);
        built := built || graph_index;
    end if;
    return built;
end
$$;
comment on function corpus.build_search_indexes(text) is
    'Build what makes a tenant''s searches quick, where its size is worth it and it is not there; returns the names of what was built.';
revoke all on function corpus.build_search_indexes(text) from public;
grant execute on function corpus.build_search_indexes(text) to plumbline_keeper;
