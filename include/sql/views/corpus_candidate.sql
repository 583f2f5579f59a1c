-- The index as it would be after the publication of one ingestion, the one that the setting plumbline.ingestion_id names.
-- Where it names none, the index as it is.  Columns are only ever added at the end: `create or replace` allows no more.
--     set plumbline.tenant = 'main'; set plumbline.ingestion_id = '…'; select * from corpus.candidate_document;

create or replace function corpus.candidate_ingestion_id() returns uuid
language sql stable parallel safe
return nullif(current_setting('plumbline.ingestion_id', true), '')::uuid;
comment on function corpus.candidate_ingestion_id() is
    'The ingestion (setting plumbline.ingestion_id) whose publication the candidate views show; null, where none is set.';

create or replace view corpus.candidate_document with (security_invoker = true) as
select
    staged.document_id, staged.tenant, staged.source_id, staged.path, staged.version_id, staged.kind, staged.language,
    staged.bytes, staged.pages, staged.source_sha256, staged.text_sha256, char_length(staged.text) as text_length,
    chunks.chunks, chunks.last_span_end, chunks.last_span_end - char_length(staged.text) as past_end, 'staged' as origin
from corpus.ingestion_file as file
join corpus.staged_document as staged on staged.document_id = file.document_id
cross join lateral (
    select count(*)::integer as chunks, max(chunk.span_end) as last_span_end
    from corpus.staged_chunk as chunk
    where chunk.document_id = staged.document_id
) as chunks
where file.ingestion_id = (select corpus.candidate_ingestion_id()) and file.action = 'store'
union all
select
    document.document_id, document.tenant, document.source_id, document.path, document.version_id, document.kind,
    document.language, document.bytes, version.pages, document.source_sha256, version.text_sha256,
    char_length(version.text), chunks.chunks, chunks.last_span_end, chunks.last_span_end - char_length(version.text),
    'published'
from corpus.document
join corpus.document_version as version on version.version_id = document.version_id
cross join lateral (
    select count(*)::integer as chunks, max(chunk.span_end) as last_span_end
    from corpus.chunk
    where chunk.document_id = document.document_id
) as chunks
where not exists (
    select from corpus.ingestion_file as file
    where file.ingestion_id = (select corpus.candidate_ingestion_id())
        and file.document_id = document.document_id
        and file.action in ('store', 'remove')
);
comment on view corpus.candidate_document is
    'Documents as they would be after the publication of the ingestion that plumbline.ingestion_id names.';
comment on column corpus.candidate_document.document_id is 'As in corpus.document.';
comment on column corpus.candidate_document.tenant is 'Whose.';
comment on column corpus.candidate_document.source_id is 'As in corpus.document.';
comment on column corpus.candidate_document.path is 'As in corpus.document.';
comment on column corpus.candidate_document.version_id is 'The version that would be searchable.';
comment on column corpus.candidate_document.kind is 'As in corpus.document.';
comment on column corpus.candidate_document.language is 'ISO 639-1, or und.';
comment on column corpus.candidate_document.bytes is 'Size of the file.';
comment on column corpus.candidate_document.pages is 'Pages, for kinds that have them.';
comment on column corpus.candidate_document.source_sha256 is 'SHA-256 of the file.';
comment on column corpus.candidate_document.text_sha256 is 'SHA-256 of the extracted text.';
comment on column corpus.candidate_document.text_length is 'Characters of the extracted text.';
comment on column corpus.candidate_document.chunks is 'Number of its chunks.';
comment on column corpus.candidate_document.last_span_end is 'Where its last chunk ends, in characters.';
comment on column corpus.candidate_document.past_end is 'Characters from the end of the text to the end of its last chunk: never above zero.';
comment on column corpus.candidate_document.origin is 'staged: new or changed by the ingestion; published: as it is.';

create or replace view corpus.candidate_chunk with (security_invoker = true) as
select
    staged.chunk_id, staged.tenant, staged.document_id, staged.ordinal, staged.span_start, staged.span_end, staged.page,
    staged.language, staged.tokens, char_length(staged.text) as text_length, staged.text_sha256, staged.answer_key,
    exists (select from ledger.answer where answer.key = staged.answer_key and answer.vector is not null) as answered,
    staged.length as words, staged.span_end - staged.span_start - char_length(staged.text) as length_missed, 'staged' as origin
from corpus.ingestion_file as file
join corpus.staged_chunk as staged on staged.document_id = file.document_id
where file.ingestion_id = (select corpus.candidate_ingestion_id()) and file.action = 'store'
union all
select
    chunk.chunk_id, chunk.tenant, chunk.document_id, chunk.ordinal, chunk.span_start, chunk.span_end, chunk.page,
    chunk.language, chunk.tokens, char_length(chunk.text), chunk.text_sha256, chunk.answer_key,
    exists (select from ledger.answer where answer.key = chunk.answer_key and answer.vector is not null),
    words.length, chunk.span_end - chunk.span_start - char_length(chunk.text), 'published'
from corpus.chunk
left join corpus.chunk_terms as words on words.tenant = chunk.tenant and words.chunk_id = chunk.chunk_id
where not exists (
    select from corpus.ingestion_file as file
    where file.ingestion_id = (select corpus.candidate_ingestion_id())
        and file.document_id = chunk.document_id
        and file.action in ('store', 'remove')
);
comment on view corpus.candidate_chunk is
    'Chunks as they would be after the publication of the ingestion that plumbline.ingestion_id names.';
comment on column corpus.candidate_chunk.chunk_id is 'As in corpus.chunk.';
comment on column corpus.candidate_chunk.tenant is 'Whose.';
comment on column corpus.candidate_chunk.document_id is 'The document.';
comment on column corpus.candidate_chunk.ordinal is 'Position in the document, from 0.';
comment on column corpus.candidate_chunk.span_start is 'First character, from 0.';
comment on column corpus.candidate_chunk.span_end is 'One past the last character.';
comment on column corpus.candidate_chunk.page is 'Page that it begins on, for kinds that have pages.';
comment on column corpus.candidate_chunk.language is 'ISO 639-1, or und.';
comment on column corpus.candidate_chunk.tokens is 'Tokens, by the provider''s tokenizer.';
comment on column corpus.candidate_chunk.text_length is 'Characters of its text.';
comment on column corpus.candidate_chunk.text_sha256 is 'SHA-256 of its text.';
comment on column corpus.candidate_chunk.answer_key is 'Key (ledger.answer) of its embedding.';
comment on column corpus.candidate_chunk.answered is 'Whether its embedding was bought.';
comment on column corpus.candidate_chunk.words is 'Number of its words; none, where it is missing from the lexical index.';
comment on column corpus.candidate_chunk.length_missed is 'Characters by which its span and its text differ in length.';
comment on column corpus.candidate_chunk.origin is 'staged: of a document that is new or changed; published: as it is.';

create or replace view corpus.candidate_ingestion with (security_invoker = true) as
select
    ingestion.ingestion_id, ingestion.tenant, ingestion.source_id, ingestion.state, ingestion.found, ingestion.unchanged,
    planned.to_store, planned.staged, planned.to_refuse, planned.to_remove,
    ingestion.found - ingestion.unchanged - planned.to_store - planned.to_refuse - planned.to_remove as unaccounted,
    planned.to_store - planned.staged as unprepared
from corpus.ingestion
cross join lateral (
    select
        count(*) filter (where file.action = 'store')::integer as to_store,
        count(staged.document_id) filter (where file.action = 'store')::integer as staged,
        count(*) filter (where file.action = 'refuse')::integer as to_refuse,
        count(*) filter (where file.action = 'remove')::integer as to_remove
    from corpus.ingestion_file as file
    left join corpus.staged_document as staged on staged.document_id = file.document_id
    where file.ingestion_id = ingestion.ingestion_id
) as planned
where ingestion.ingestion_id = (select corpus.candidate_ingestion_id());
comment on view corpus.candidate_ingestion is 'The counts of the ingestion that plumbline.ingestion_id names, before its publication.';
comment on column corpus.candidate_ingestion.ingestion_id is 'As in corpus.ingestion.';
comment on column corpus.candidate_ingestion.tenant is 'Whose.';
comment on column corpus.candidate_ingestion.source_id is 'The source.';
comment on column corpus.candidate_ingestion.state is 'As in corpus.ingestion.';
comment on column corpus.candidate_ingestion.found is 'Documents in the source, and documents known from it that are gone.';
comment on column corpus.candidate_ingestion.unchanged is 'Documents that are as we have them.';
comment on column corpus.candidate_ingestion.to_store is 'Documents planned to be stored.';
comment on column corpus.candidate_ingestion.staged is 'Of these, documents that are staged.';
comment on column corpus.candidate_ingestion.to_refuse is 'Documents that could not be read.';
comment on column corpus.candidate_ingestion.to_remove is 'Documents gone from the source.';
comment on column corpus.candidate_ingestion.unaccounted is 'Documents found of which nothing is known: not zero only by a fault of ours.';
comment on column corpus.candidate_ingestion.unprepared is 'Documents to be stored that are not staged.';

grant select on corpus.candidate_document, corpus.candidate_chunk, corpus.candidate_ingestion to plumbline_app;
