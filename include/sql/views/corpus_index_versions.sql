-- The vectors of an index version lie in a table of its own: hence a function, not a view.

create or replace function corpus.index_versions()
returns table (
    index_id integer, model text, dimensions integer, state text, table_name text, vectors bigint, chunks bigint, graph boolean,
    bytes bigint, created_at timestamptz, in_force_at timestamptz, retired_at timestamptz, kept_until timestamptz, removed bigint,
    instead_of_model text, instead_of_dimensions integer, copied_from integer, compared_by uuid
)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
    one corpus.vector_index;
    every bigint := (select count(*) from corpus.chunk);
    found bigint;
    place regclass;
begin
    for one in select * from corpus.vector_index order by index_id loop
        place := to_regclass(format('corpus.%I', one.table_name));
        continue when place is null;
        execute format('select count(*) from corpus.%I', one.table_name) into found;
        return query select
            one.index_id, one.model, one.dimensions, one.state, one.table_name, found, every, one.graph_rows is not null,
            pg_total_relation_size(place), one.created_at, one.in_force_at, one.retired_at, one.kept_until, one.removed,
            one.instead_of_model, one.instead_of_dimensions, one.copied_from, one.compared_by;
    end loop;
end
$$;
comment on function corpus.index_versions() is
    'Every index version of the tenant that has a table: how many of the chunks it has vectors of, its graph, and its size in bytes.';
revoke all on function corpus.index_versions() from public;
grant execute on function corpus.index_versions() to plumbline_app;
