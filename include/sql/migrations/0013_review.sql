-- The human queue: what a person has to decide, by when, who does, and what was decided.

create schema review;
comment on schema review is 'The human queue: what a person has to decide, by when, who does, and what was decided.';

create table review.item (
    item_id uuid primary key,
    tenant text not null,
    kind text not null,
    subject_kind text not null,
    subject_id text not null,
    reason text not null,
    urgency text not null,
    summary text not null,
    context jsonb not null default '{}' check (jsonb_typeof(context) = 'object'),
    decisions text[] not null check (cardinality(decisions) > 0),
    run_id uuid not null,
    dag_id text,
    dag_run_id text,
    created_at timestamptz not null,
    due_at timestamptz not null,
    addressed_to text,
    state text not null default 'open' check (state in ('open', 'assigned', 'decided', 'withdrawn')),
    assigned_to text,
    decision text,
    decided_by text,
    decided_at timestamptz,
    note text,
    changed_by text not null check (changed_by <> ''),
    unique (item_id, tenant),
    check (due_at > created_at),
    check (state <> 'open' or assigned_to is null),
    check (state <> 'assigned' or assigned_to is not null),
    check ((state = 'decided') = (decision is not null)),
    check (decision = any (decisions)),
    check ((state in ('decided', 'withdrawn')) = (decided_by is not null)),
    check ((decided_by is null) = (decided_at is null))
);
-- The same thing is never asked twice at a time; after a decision it may be asked again.
create unique index item_waits_once on review.item (tenant, kind, subject_kind, subject_id) where state in ('open', 'assigned');
create index item_by_due on review.item (tenant, due_at) where state in ('open', 'assigned');
comment on table review.item is 'One question to a person. What it asks never changes, and a decision is final; its history is in review.event.';
comment on column review.item.item_id is 'Id; people write its beginning.';
comment on column review.item.tenant is 'Whose.';
comment on column review.item.kind is 'Kind of question, of those in include/plumbline/review/rules.toml.';
comment on column review.item.subject_kind is 'What it is about: the kind of thing.';
comment on column review.item.subject_id is 'What it is about: the id of the thing. Never a name or an address of a person.';
comment on column review.item.reason is 'Why a person is needed, of the reasons that its kind knows.';
comment on column review.item.urgency is 'How urgent it was when it was asked; with the kind it gave the time by which it is due.';
comment on column review.item.summary is 'personal: the question in a sentence, minimised by whoever asks; kept as long as the item; erased with its subject.';
comment on column review.item.context is 'personal: what a person needs to decide, minimised by whoever asks; kept as long as the item; erased with its subject.';
comment on column review.item.decisions is 'The decisions that its kind allowed when it was asked.';
comment on column review.item.run_id is 'The run (lineage.run) that asked.';
comment on column review.item.dag_id is 'Airflow DAG that asked.';
comment on column review.item.dag_run_id is 'Airflow DAG run that asked, or the id of a run by the command line.';
comment on column review.item.created_at is 'When it was asked.';
comment on column review.item.due_at is 'By when it should be decided.';
comment on column review.item.addressed_to is 'The team that answers for this kind, by rule.';
comment on column review.item.state is 'open -> assigned -> decided, or withdrawn: it needs no decision any more.';
comment on column review.item.assigned_to is 'Account name of the colleague who is at it.';
comment on column review.item.decision is 'What was decided.';
comment on column review.item.decided_by is 'Account name of the colleague who decided, or who or what withdrew it.';
comment on column review.item.decided_at is 'When it was decided or withdrawn.';
comment on column review.item.note is 'personal: why it was decided or withdrawn, in the words of whoever did; kept as long as the item; erased with its subject.';
comment on column review.item.changed_by is 'Account name of the colleague, or the step, that changed it last.';
call core.isolate('review.item');

create table review.remark (
    remark_id uuid primary key,
    item_id uuid not null,
    tenant text not null,
    at timestamptz not null default clock_timestamp(),
    who text not null check (who <> ''),
    words text not null check (words <> ''),
    foreign key (item_id, tenant) references review.item (item_id, tenant)
);
create index remark_by_item on review.remark (item_id);
comment on table review.remark is 'What people wrote about an item, while it waited and after.';
comment on column review.remark.remark_id is 'Id.';
comment on column review.remark.item_id is 'The item.';
comment on column review.remark.tenant is 'Whose.';
comment on column review.remark.at is 'When.';
comment on column review.remark.who is 'Account name of the colleague who wrote it.';
comment on column review.remark.words is 'personal: the remark; kept as long as the item; erased with its subject.';
call core.isolate('review.remark');

create table review.event (
    event_id bigint generated always as identity primary key,
    item_id uuid not null,
    tenant text not null,
    at timestamptz not null default clock_timestamp(),
    who text not null,
    what text not null check (what in ('asked', 'assigned', 'remarked', 'decided', 'withdrawn')),
    was text,
    became text,
    foreign key (item_id, tenant) references review.item (item_id, tenant)
);
create index event_by_item on review.event (item_id);
comment on table review.event is 'What happened to each item: written by the database itself in the transaction of the change, and never changed. No words of people.';
comment on column review.event.event_id is 'Number; within an item they grow with time.';
comment on column review.event.item_id is 'The item.';
comment on column review.event.tenant is 'Whose.';
comment on column review.event.at is 'When.';
comment on column review.event.who is 'Account name of the colleague, or the step, that did it.';
comment on column review.event.what is 'asked, assigned, remarked, decided or withdrawn.';
comment on column review.event.was is 'Before: who was at it, or its state.';
comment on column review.event.became is 'After: the reason it was asked for, who is at it, the remark''s id, the decision.';
call core.isolate('review.event');

create function review.record_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if tg_op = 'INSERT' then
        insert into review.event (item_id, tenant, who, what, became)
        values (new.item_id, new.tenant, new.changed_by, 'asked', new.reason);
    elsif new.state in ('decided', 'withdrawn') and old.state <> new.state then
        insert into review.event (item_id, tenant, who, what, was, became)
        values (new.item_id, new.tenant, new.changed_by, new.state, old.state, coalesce(new.decision, new.state));
    elsif new.assigned_to is distinct from old.assigned_to then
        insert into review.event (item_id, tenant, who, what, was, became)
        values (new.item_id, new.tenant, new.changed_by, 'assigned', old.assigned_to, new.assigned_to);
    end if;
    return null;
end
$$;
comment on function review.record_change() is 'Writes the history of an item; nobody else can write there.';
revoke all on function review.record_change() from public;
create trigger change_is_recorded after insert or update on review.item
for each row execute function review.record_change();

create function review.record_remark() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into review.event (item_id, tenant, who, what, became)
    values (new.item_id, new.tenant, new.who, 'remarked', new.remark_id::text);
    return null;
end
$$;
comment on function review.record_remark() is 'Writes into the history of an item that somebody remarked something.';
revoke all on function review.record_remark() from public;
create trigger remark_is_recorded after insert on review.remark
for each row execute function review.record_remark();

create function review.keep_ended() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    -- A note may be emptied, for whoever has to erase what it says of a person.
    if (new.state, new.assigned_to, new.decision, new.decided_by, new.decided_at, new.changed_by)
        is distinct from (old.state, old.assigned_to, old.decision, old.decided_by, old.decided_at, old.changed_by)
        or (new.note is distinct from old.note and new.note is not null)
    then
        raise exception 'review.item % has ended as %: that is final', old.item_id, old.state using errcode = 'check_violation';
    end if;
    return new;
end
$$;
comment on function review.keep_ended() is 'Refuses to change how an item ended.';
revoke all on function review.keep_ended() from public;
create trigger end_is_final before update on review.item
for each row when (old.state in ('decided', 'withdrawn')) execute function review.keep_ended();

create function review.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    raise exception 'review.event is never changed, only added to' using errcode = 'insufficient_privilege';
end
$$;
comment on function review.refuse_change() is 'Refuses to change or remove history, whoever asks.';
revoke all on function review.refuse_change() from public;
create trigger history_is_kept before update or delete or truncate on review.event
for each statement execute function review.refuse_change();

grant usage on schema review to plumbline_app, plumbline_auditor, plumbline_reporter;
-- An item begins as open: how it goes on is not among the columns that may be inserted.
grant select on review.item, review.remark, review.event to plumbline_app;
grant insert (item_id, tenant, kind, subject_kind, subject_id, reason, urgency, summary, context, decisions, run_id, dag_id,
    dag_run_id, created_at, due_at, addressed_to, changed_by) on review.item to plumbline_app;
grant update (state, assigned_to, decision, decided_by, decided_at, note, changed_by) on review.item to plumbline_app;
grant insert (remark_id, item_id, tenant, who, words) on review.remark to plumbline_app;
grant select (item_id, tenant, kind, subject_kind, subject_id, reason, urgency, decisions, run_id, dag_id, dag_run_id,
    created_at, due_at, addressed_to, state, assigned_to, decision, decided_by, decided_at, changed_by)
    on review.item to plumbline_auditor, plumbline_reporter;
grant select (remark_id, item_id, tenant, at, who) on review.remark to plumbline_auditor, plumbline_reporter;
grant select on review.event to plumbline_auditor, plumbline_reporter;
