-- Hybrid search: kept term statistics, one search function, indexes built when they are worth it.

-- Statistics are kept by the table itself: whoever adds or removes rows, and by whichever way (a cascade included), the
-- counts follow in the same transaction.  BM25 over counts that drifted would be wrong without a sign of it.
create function corpus.count_added_terms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    -- Two publications at once would lock the same terms in different orders.
    perform pg_advisory_xact_lock(hashtextextended('corpus.term ' || tenant, 0)) from (select distinct tenant from added) as touched;
    insert into corpus.term as kept (tenant, term, chunks)
    select tenant, term, count(*)
    from added, unnest(tsvector_to_array(terms)) as term
    group by tenant, term
    on conflict (tenant, term) do update set chunks = kept.chunks + excluded.chunks;

    insert into corpus.statistics as kept (tenant, chunks, words)
    select tenant, count(*), sum(length)
    from added
    group by tenant
    on conflict (tenant) do update set chunks = kept.chunks + excluded.chunks, words = kept.words + excluded.words;
    return null;
end
$$;
comment on function corpus.count_added_terms() is 'Add the terms of new rows to corpus.term and corpus.statistics.';

create function corpus.count_removed_terms() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if not exists (select from removed) then
        return null;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('corpus.term ' || tenant, 0)) from (select distinct tenant from removed) as touched;
    merge into corpus.term as kept
    using (
        select tenant, term, count(*) as chunks
        from removed, unnest(tsvector_to_array(terms)) as term
        group by tenant, term
    ) as gone on kept.tenant = gone.tenant and kept.term = gone.term
    when matched and kept.chunks = gone.chunks then delete
    when matched then update set chunks = kept.chunks - gone.chunks;

    update corpus.statistics
    set chunks = statistics.chunks - gone.chunks, words = statistics.words - gone.words
    from (select tenant, count(*) as chunks, sum(length) as words from removed group by tenant) as gone
    where statistics.tenant = gone.tenant;
    return null;
end
$$;
comment on function corpus.count_removed_terms() is 'Subtract the terms of removed rows from corpus.term and corpus.statistics.';
revoke all on function corpus.count_added_terms(), corpus.count_removed_terms() from public;

create trigger count_added after insert on corpus.chunk_terms
    referencing new table as added for each statement execute function corpus.count_added_terms();
create trigger count_removed after delete on corpus.chunk_terms
    referencing old table as removed for each statement execute function corpus.count_removed_terms();
create trigger count_replaced after update on corpus.chunk_terms
    referencing old table as removed for each statement execute function corpus.count_removed_terms();
create trigger count_replacing after update on corpus.chunk_terms
    referencing new table as added for each statement execute function corpus.count_added_terms();

create index chunk_by_language on corpus.chunk (tenant, language);
