-- Cutting a span out of a text costs Postgres a walk through all characters before it: for every chunk of a long document
-- that is the square of its length.  Hence a function that walks through each text once, a page at a time.

create or replace function corpus.misplaced_chunks(of_ingestion uuid default null)
returns table (chunk_id uuid, document_id uuid)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    page_size constant integer := 65536;
    short constant integer := 16384;
    whole record;
    piece record;
    -- The text is cut in three: what lies before `reached`, the page (`page_length` characters), and the rest.
    reached integer;
    page text;
    page_length integer;
    rest text;
    skipped integer;
    wanted integer;
begin
    return query
    select chunk.chunk_id, chunk.document_id
    from (
        select document.document_id, version.text, octet_length(version.text) = char_length(version.text) as plain
        from corpus.document
        join corpus.document_version as version on version.version_id = document.version_id
        where octet_length(version.text) <= short
            and (of_ingestion is null or document.document_id in (
                select file.document_id
                from corpus.ingestion_file as file
                where file.ingestion_id = of_ingestion and file.action = 'store'
            ))
        offset 0  -- counted once a document, not once a chunk
    ) as version
    join corpus.chunk on chunk.document_id = version.document_id
    where case
        when version.plain
        then substr(convert_to(version.text, 'UTF8'), chunk.span_start + 1, chunk.span_end - chunk.span_start)
                is distinct from convert_to(chunk.text, 'UTF8')
            or octet_length(chunk.text) <> chunk.span_end - chunk.span_start
        else substr(version.text, chunk.span_start + 1, chunk.span_end - chunk.span_start) is distinct from chunk.text
            or char_length(chunk.text) <> chunk.span_end - chunk.span_start
    end;

    for whole in
        select document.document_id, version.text
        from corpus.document
        join corpus.document_version as version on version.version_id = document.version_id
        where octet_length(version.text) > short
            and (of_ingestion is null or document.document_id in (
                select file.document_id
                from corpus.ingestion_file as file
                where file.ingestion_id = of_ingestion and file.action = 'store'
            ))
    loop
        reached := 0;
        page := '';
        page_length := 0;
        rest := whole.text;
        for piece in
            select chunk.chunk_id, chunk.span_start, chunk.span_end, chunk.text
            from corpus.chunk
            where chunk.document_id = whole.document_id
            order by chunk.span_start
        loop
            if piece.span_start < reached then
                -- Spans that overlap: start anew from the beginning of the text.
                reached := 0;
                page := '';
                page_length := 0;
                rest := whole.text;
            end if;
            skipped := piece.span_start - reached;
            if skipped >= page_length then
                rest := case when skipped > page_length then right(rest, page_length - skipped) else rest end;
                page := '';
                page_length := 0;
            elsif skipped > 0 then
                page := right(page, -skipped);
                page_length := page_length - skipped;
            end if;
            reached := piece.span_start;
            wanted := piece.span_end - piece.span_start;
            if wanted > page_length then
                page := page || left(rest, page_size + wanted);
                page_length := char_length(page);
                rest := right(rest, -(page_size + wanted));
            end if;
            if left(page, wanted) is distinct from piece.text or char_length(piece.text) <> wanted then
                chunk_id := piece.chunk_id;
                document_id := whole.document_id;
                return next;
            end if;
        end loop;
    end loop;
end
$$;
comment on function corpus.misplaced_chunks(uuid) is
    'Chunks of the tenant (or of the documents that one ingestion stores) whose span, cut out of the text, is not their text.';
revoke all on function corpus.misplaced_chunks(uuid) from public;
grant execute on function corpus.misplaced_chunks(uuid) to plumbline_app;
