-- The vectors of a tenant lie in a table of their own, named by the index version in force: hence a function, not a view.

create or replace function corpus.chunks_without_vector(of_ingestion uuid default null)
returns table (chunk_id uuid, document_id uuid)
language plpgsql stable set search_path = pg_catalog, public, pg_temp as $$
declare
    vectors text;
begin
    select table_name into vectors from corpus.vector_index where state = 'in_force';
    if vectors is null then
        return query select chunk.chunk_id, chunk.document_id from corpus.chunk;
        return;
    end if;
    return query execute format(
        'select chunk.chunk_id, chunk.document_id '
        'from corpus.chunk '
        'left join corpus.%I as vector on vector.chunk_id = chunk.chunk_id and vector.answer_key = chunk.answer_key '
        'where vector.chunk_id is null', vectors)
        -- Not `$1 is null or …`: then one ingestion would cost as much as all chunks.
        || case when of_ingestion is null then '' else
            ' and chunk.document_id in ('
            'select file.document_id from corpus.ingestion_file as file where file.ingestion_id = $1 and file.action = ''store'')'
        end
        using of_ingestion;
end
$$;
comment on function corpus.chunks_without_vector(uuid) is
    'Chunks of the tenant (or of the documents that one ingestion stores) without their vector in the index in force; none, when all is well.';
revoke all on function corpus.chunks_without_vector(uuid) from public;
grant execute on function corpus.chunks_without_vector(uuid) to plumbline_app;
