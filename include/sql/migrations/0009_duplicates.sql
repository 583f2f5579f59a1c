-- Documents that say the same, or nearly: a signature of each, and the pairs that were found.

create table corpus.document_signature (
    document_id uuid primary key,
    tenant text not null,
    version_id uuid not null,
    text_sha256 bytea not null,
    same_as uuid references corpus.document_signature on delete cascade,
    method integer not null,
    shingles integer not null check (shingles >= 0),
    compared_at timestamptz not null default now(),
    check (same_as <> document_id),
    -- As in corpus.chunk: a signature is of the version that is in force, and goes with its document.
    foreign key (document_id, version_id) references corpus.document (document_id, version_id)
        on delete cascade deferrable initially deferred
);
create unique index signature_of_text on corpus.document_signature (tenant, text_sha256) where same_as is null;
create index signature_by_same_as on corpus.document_signature (same_as) where same_as is not null;
comment on table corpus.document_signature is
    'The documents that were compared with all others, by a signature of their text (plumbline.corpus.similarity). Of several with one text, one is compared, and the others refer to it. A document without a row is compared by the next run.';
comment on column corpus.document_signature.document_id is 'The document.';
comment on column corpus.document_signature.tenant is 'Whose.';
comment on column corpus.document_signature.version_id is 'The version that was compared: the one that is in force.';
comment on column corpus.document_signature.text_sha256 is 'SHA-256 of its text, as in corpus.document_version.';
comment on column corpus.document_signature.same_as is 'The document with the very same text that is compared in place of this one; when it goes, this row goes too, and the next run chooses another.';
comment on column corpus.document_signature.method is 'The way in which the signature was made; a new one makes all signatures anew.';
comment on column corpus.document_signature.shingles is 'Distinct runs of five words in the text.';
comment on column corpus.document_signature.compared_at is 'When it was compared.';
comment on index corpus.signature_of_text is 'One document stands for all with the same text.';
comment on index corpus.signature_by_same_as is 'Finds those that one stands for.';

create table corpus.signature_band (
    tenant text not null,
    band bigint not null,
    document_id uuid not null references corpus.document_signature on delete cascade,
    primary key (tenant, band, document_id)
);
create index signature_band_by_document on corpus.signature_band (document_id);
comment on table corpus.signature_band is 'The signatures, in bands: documents whose texts are alike share at least one.';
comment on column corpus.signature_band.tenant is 'Whose.';
comment on column corpus.signature_band.band is
    'personal: a hash made of six hashes of five words each, from which no text can be read, but by which whoever has a text can tell whether the document is like it; kept while the version is in force; erased in the transaction that replaces or removes it.';
comment on column corpus.signature_band.document_id is 'The document.';
comment on index corpus.signature_band_by_document is 'Finds the bands that go with a document.';

create table corpus.duplicate_pair (
    first_document_id uuid not null references corpus.document_signature on delete cascade,
    second_document_id uuid not null references corpus.document_signature on delete cascade,
    tenant text not null,
    similarity double precision not null check (similarity > 0 and similarity <= 1),
    found_at timestamptz not null default now(),
    primary key (first_document_id, second_document_id),
    check (first_document_id < second_document_id)
);
create index duplicate_pair_by_second on corpus.duplicate_pair (second_document_id);
comment on table corpus.duplicate_pair is
    'Documents whose texts are nearly the same; those with the very same text are in corpus.document_signature. Reported, never acted upon.';
comment on column corpus.duplicate_pair.first_document_id is 'The document with the lower id.';
comment on column corpus.duplicate_pair.second_document_id is 'The other.';
comment on column corpus.duplicate_pair.tenant is 'Whose.';
comment on column corpus.duplicate_pair.similarity is 'Jaccard similarity of their runs of five words, worked out from both texts.';
comment on column corpus.duplicate_pair.found_at is 'When it was found.';
comment on index corpus.duplicate_pair_by_second is 'Finds the pairs that go with a document.';

-- In the same transaction as the publication: what was taken out of a text must not live on in its signature.
create function corpus.delete_outdated_signatures() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    delete from corpus.document_signature as signature
    using replaced join replacing using (document_id)
    where signature.document_id = replaced.document_id and replaced.version_id <> replacing.version_id;
    return null;
end
$$;
comment on function corpus.delete_outdated_signatures() is 'The signature of a document goes when another version comes into force.';
revoke all on function corpus.delete_outdated_signatures() from public;
create trigger signatures_go_too after update on corpus.document
    referencing old table as replaced new table as replacing
    for each statement execute function corpus.delete_outdated_signatures();

do $$
declare
    name text;
begin
    foreach name in array array['document_signature', 'signature_band', 'duplicate_pair'] loop
        call core.isolate(('corpus.' || name)::regclass);
    end loop;
end
$$;

grant select, insert, delete on corpus.document_signature, corpus.signature_band, corpus.duplicate_pair to plumbline_app;
grant select on corpus.document_signature, corpus.duplicate_pair to plumbline_auditor, plumbline_reporter;
