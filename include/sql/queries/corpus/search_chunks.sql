-- The best chunks for a query, each with what it takes to show and to cite it.
select
    found.chunk_id, found.score, found.lexical, found.vector, chunk.document_id, chunk.version_id, source.name as source,
    document.path, document.title, chunk.heading_path, chunk.page, chunk.last_page, chunk.flags,
    chunk.span_start, chunk.span_end, chunk.language, chunk.text
from corpus.search_chunks(
    %(tenant)s, %(vector)s::public.halfvec, %(terms)s, %(limit)s, from_sources => %(sources)s, under_path => %(path_prefix)s,
    in_languages => %(languages)s, of_kinds => %(kinds)s, with_metadata => %(metadata)s, of_index => %(index_id)s
) as found
join corpus.chunk on chunk.chunk_id = found.chunk_id
join corpus.document on document.document_id = chunk.document_id
join corpus.source on source.source_id = document.source_id
order by found.score desc, found.chunk_id
