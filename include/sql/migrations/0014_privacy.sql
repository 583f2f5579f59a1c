-- What personal values became before anything was sent: pseudonyms, the customer list that names are found by, and the
-- audited way back.

create schema privacy;
comment on schema privacy is 'What stands for personal values, and the audited way back from it; no key is in here.';

create table privacy.pseudonym (
    tenant text not null,
    pseudonym_id text not null check (pseudonym_id ~ '^[0-9a-hjkmnp-tv-z]{8}$'),
    kind text not null check (kind ~ '^[a-z][a-z_]{1,19}$'),
    fingerprint bytea not null check (length(fingerprint) = 32),
    key_id bytea not null check (length(key_id) = 8),
    sealed bytea not null check (length(sealed) > 28),
    made_at timestamptz not null default now(),
    primary key (tenant, pseudonym_id),
    unique (tenant, kind, fingerprint)
);
comment on table privacy.pseudonym is 'One word for one personal value, such as [email-7f3k2q9a]; deleting the row destroys the way back.';
comment on column privacy.pseudonym.tenant is 'Whose.';
comment on column privacy.pseudonym.pseudonym_id is 'The random part of the word; says nothing about the value.';
comment on column privacy.pseudonym.kind is 'What it is: email, phone, card, iban, id, licence, ip; or a kind of the customer list, such as name.';
comment on column privacy.pseudonym.fingerprint is 'personal: keyed HMAC of tenant, kind and normalised value, by which the value finds its word; kept while the pseudonym is; erased with it.';
comment on column privacy.pseudonym.key_id is 'Which key of the connection plumbline_pseudonyms sealed it; says nothing about the key.';
comment on column privacy.pseudonym.sealed is 'personal: the value, encrypted by AES-GCM and bound to tenant, kind and id, its nonce first; kept while the pseudonym is; erased with it.';
comment on column privacy.pseudonym.made_at is 'When the value was first met.';
call core.isolate('privacy.pseudonym');

create table privacy.listing (
    tenant text primary key,
    listing_id uuid not null,
    entries integer not null check (entries >= 0),
    loaded_by text not null,
    loaded_at timestamptz not null default now()
);
comment on table privacy.listing is 'The customer list in force of each tenant; a new one replaces it whole.';
comment on column privacy.listing.tenant is 'Whose.';
comment on column privacy.listing.listing_id is 'Another one for every list, so that whoever read the one before notices.';
comment on column privacy.listing.entries is 'How many values are in it.';
comment on column privacy.listing.loaded_by is 'Who loaded it.';
comment on column privacy.listing.loaded_at is 'When.';
call core.isolate('privacy.listing');

create table privacy.listed_value (
    tenant text not null references privacy.listing on delete cascade,
    kind text not null check (kind ~ '^[a-z][a-z_]{1,19}$'),
    fingerprint bytea not null check (length(fingerprint) = 32),
    key_id bytea not null check (length(key_id) = 8),
    sealed bytea not null check (length(sealed) > 28),
    primary key (tenant, kind, fingerprint)
);
comment on table privacy.listed_value is 'Names, addresses and other values of the customer list, to be found in texts.';
comment on column privacy.listed_value.tenant is 'Whose.';
comment on column privacy.listed_value.kind is 'name, address, or what else the list says.';
comment on column privacy.listed_value.fingerprint is 'personal: as in privacy.pseudonym; kept until the next list; erased by loading a list without it.';
comment on column privacy.listed_value.key_id is 'As in privacy.pseudonym.';
comment on column privacy.listed_value.sealed is 'personal: the value as the list has it, encrypted as in privacy.pseudonym; kept until the next list; erased by loading a list without it.';
call core.isolate('privacy.listed_value');

create table privacy.restoration (
    restoration_id uuid not null,
    tenant text not null,
    pseudonym_id text not null,
    kind text not null,
    role text not null default session_user,
    person text not null check (btrim(person) <> ''),
    reason text not null check (btrim(reason) <> ''),
    asked_at timestamptz not null default clock_timestamp(),
    asked_in xid8 not null default pg_current_xact_id(),
    primary key (restoration_id, pseudonym_id, kind)
);
create index restoration_by_pseudonym on privacy.restoration (tenant, pseudonym_id);
comment on table privacy.restoration is 'Each use of the way back, one row a pseudonym: written and committed before a value can be read, and never changed.';
comment on column privacy.restoration.restoration_id is 'The use.';
comment on column privacy.restoration.tenant is 'Whose.';
comment on column privacy.restoration.pseudonym_id is 'Which value was asked for, whether it was there or not.';
comment on column privacy.restoration.kind is 'What the word said that it is.';
comment on column privacy.restoration.role is 'Who signed in to the database.';
comment on column privacy.restoration.person is 'On whose behalf, as that role says: a person, or a step of a pipeline.';
comment on column privacy.restoration.reason is 'Why.';
comment on column privacy.restoration.asked_at is 'When.';
comment on column privacy.restoration.asked_in is 'The transaction that wrote it: values are read in a later one only, so that no rollback takes the row away.';
call core.isolate('privacy.restoration');

create procedure privacy.hold_to_tenant(of_tenant text)
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    if of_tenant is distinct from core.current_tenant() then
        raise exception 'the transaction is set to tenant %, not to %', core.current_tenant(), of_tenant;
    end if;
end
$$;
comment on procedure privacy.hold_to_tenant(text) is 'Refuse to work for another tenant than that of the transaction.';
revoke all on procedure privacy.hold_to_tenant(text) from public;

create function privacy.ask_to_restore(of_tenant text, use_id uuid, kinds text[], ids text[], on_behalf_of text, because text)
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    asked integer;
begin
    call privacy.hold_to_tenant(of_tenant);
    insert into privacy.restoration (restoration_id, tenant, pseudonym_id, kind, person, reason)
    select distinct use_id, of_tenant, wanted.id, wanted.kind, on_behalf_of, because
    from unnest(kinds, ids) as wanted (kind, id);
    get diagnostics asked = row_count;
    return asked;
end
$$;
comment on function privacy.ask_to_restore(text, uuid, text[], text[], text, text) is
    'Write down who wants which pseudonyms back, and why; commit, then ask privacy.restored_values.';
revoke all on function privacy.ask_to_restore(text, uuid, text[], text[], text, text) from public;
grant execute on function privacy.ask_to_restore(text, uuid, text[], text[], text, text) to plumbline_restorer;

create function privacy.restored_values(of_tenant text, use_id uuid)
returns table (kind text, pseudonym_id text, key_id bytea, sealed bytea)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
    call privacy.hold_to_tenant(of_tenant);
    return query
        select pseudonym.kind, pseudonym.pseudonym_id, pseudonym.key_id, pseudonym.sealed
        from privacy.restoration
        join privacy.pseudonym using (tenant, pseudonym_id, kind)
        where restoration.tenant = of_tenant
            and restoration.restoration_id = use_id
            and restoration.role = session_user
            and restoration.asked_in <> pg_current_xact_id()
            and restoration.asked_at > clock_timestamp() - interval '10 minutes';
end
$$;
comment on function privacy.restored_values(text, uuid) is
    'The sealed values of a use that an earlier transaction of this role wrote down, for ten minutes; what was erased is not among them.';
revoke all on function privacy.restored_values(text, uuid) from public;
grant execute on function privacy.restored_values(text, uuid) to plumbline_restorer;

create function privacy.erase_pseudonyms(of_tenant text, ids text[]) returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    erased integer;
begin
    call privacy.hold_to_tenant(of_tenant);
    delete from privacy.pseudonym where pseudonym.tenant = of_tenant and pseudonym.pseudonym_id = any (ids);
    get diagnostics erased = row_count;
    return erased;
end
$$;
comment on function privacy.erase_pseudonyms(text, text[]) is
    'Destroy the way back from these pseudonyms; returns how many there were.';
revoke all on function privacy.erase_pseudonyms(text, text[]) from public;
grant execute on function privacy.erase_pseudonyms(text, text[]) to plumbline_keeper;

grant usage on schema privacy to plumbline_app, plumbline_keeper, plumbline_restorer, plumbline_auditor, plumbline_reporter;
grant select (tenant, pseudonym_id, kind, fingerprint, key_id, made_at), insert on privacy.pseudonym to plumbline_app;
grant select (tenant, pseudonym_id, kind, made_at) on privacy.pseudonym to plumbline_auditor, plumbline_reporter;
grant select, insert, update, delete on privacy.listing to plumbline_app;
grant select, insert, delete on privacy.listed_value to plumbline_app;
grant select on privacy.listing to plumbline_auditor, plumbline_reporter;
grant select (tenant, kind) on privacy.listed_value to plumbline_auditor, plumbline_reporter;
grant select on privacy.restoration to plumbline_auditor;
