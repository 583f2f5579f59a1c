-- The vectors of an index version lie in a table of its own: hence a function, not a view.

create or replace function corpus.answers_in_the_making() returns setof bytea
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    making text;
begin
    for making in
        select table_name from corpus.vector_index
        where state = 'building' or (state = 'retired' and kept_until is not null)
    loop
        if to_regclass(format('corpus.%I', making)) is not null then
            return query execute format('select answer_key from corpus.%I', making);
        end if;
    end loop;
end
$$;
comment on function corpus.answers_in_the_making() is
    'Keys of the answers that index versions in the making, or kept to be brought back, use; their chunks point at the index in force.';
revoke all on function corpus.answers_in_the_making() from public;
grant execute on function corpus.answers_in_the_making() to plumbline_app;
