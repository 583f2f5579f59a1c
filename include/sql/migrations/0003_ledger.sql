-- Money: every call to a model, what it was asked, what it cost, and the answers that were bought.

create schema ledger;
comment on schema ledger is 'Money: every call to a model, what it cost, and the answers that were bought.';

create table ledger.price (
    model text not null,
    service text not null check (service in ('standard', 'batch')),
    kind text not null check (kind in ('input', 'cached_input', 'output')),
    valid_from date not null,
    usd_per_million numeric(14, 6) not null check (usd_per_million >= 0),
    source text not null,
    primary key (model, service, kind, valid_from)
);
comment on table ledger.price is 'Dated prices. A model without a price is refused, never guessed.';
comment on column ledger.price.model is 'Model, by the provider''s name.';
comment on column ledger.price.service is 'standard, or batch (the Batch API).';
comment on column ledger.price.kind is 'input, cached_input or output tokens.';
comment on column ledger.price.valid_from is 'First day (UTC) of this price; it holds until the next row.';
comment on column ledger.price.usd_per_million is 'US dollars for a million tokens.';
comment on column ledger.price.source is 'Where the price was read.';

create table ledger.bucket (
    endpoint text not null,
    model text not null,
    requests_per_minute double precision not null check (requests_per_minute > 0),
    tokens_per_minute double precision not null check (tokens_per_minute > 0),
    requests_left double precision not null,
    tokens_left double precision not null,
    refilled_at timestamptz not null,
    closed_until timestamptz,
    primary key (endpoint, model)
);
comment on table ledger.bucket is 'The rate limit of a model at an endpoint: one token bucket that all workers share.';
comment on column ledger.bucket.endpoint is 'Base URL of the provider; embedded, for the embedded model server.';
comment on column ledger.bucket.model is 'Model.';
comment on column ledger.bucket.requests_per_minute is 'Requests that the provider allows in a minute.';
comment on column ledger.bucket.tokens_per_minute is 'Tokens that the provider allows in a minute.';
comment on column ledger.bucket.requests_left is 'Requests left at refilled_at.';
comment on column ledger.bucket.tokens_left is 'Tokens left at refilled_at; below zero after a large request.';
comment on column ledger.bucket.refilled_at is 'When the bucket was last brought up to date.';
comment on column ledger.bucket.closed_until is 'The provider asked everyone to wait until then (Retry-After).';

create table ledger.call (
    call_id uuid not null,
    at timestamptz not null,
    state text not null check (state in ('reserved', 'sent', 'settled', 'refused', 'failed', 'unknown')),
    tenant text not null,
    project text not null,
    team text not null,
    user_ref text,
    session_ref text,
    use text not null,
    route text not null,
    region text,
    endpoint text not null,
    model text not null,
    answered_by text,
    prompt_name text,
    prompt_version text,
    prompt_sha256 bytea,
    prompt_approver text,
    request_sha256 bytea not null,
    attempts integer not null default 0 check (attempts >= 0),
    status_counts jsonb not null default '{}',
    inputs integer not null check (inputs > 0),
    tokens_planned bigint not null check (tokens_planned >= 0),
    tokens_in bigint check (tokens_in >= 0),
    tokens_cached bigint check (tokens_cached >= 0),
    tokens_out bigint check (tokens_out >= 0),
    usd_per_million_in numeric(14, 6) not null,
    usd_per_million_out numeric(14, 6) not null default 0,
    cost_planned_usd numeric(18, 9) not null check (cost_planned_usd >= 0),
    cost_usd numeric(18, 9) check (cost_usd >= 0),
    latency_ms integer check (latency_ms >= 0),
    sensitivity text not null,
    batch_id text,
    trace_id text,
    provider_request_id text,
    dag_id text,
    dag_run_id text,
    task_id text,
    run_id uuid not null,
    code_version text not null,
    sent_at timestamptz,
    ended_at timestamptz,
    error text,
    primary key (call_id, at),
    check (state <> 'settled' or (tokens_in is not null and cost_usd is not null and ended_at is not null)),
    check (state not in ('sent', 'settled', 'unknown') or sent_at is not null)
) partition by range (at);
create index call_by_dag_run on ledger.call (dag_run_id);
create index call_unfinished on ledger.call (state) where state in ('reserved', 'sent', 'unknown');
comment on table ledger.call is 'One call to a model: who asked, what it cost, how it ended. Partitioned by month.';
comment on column ledger.call.call_id is 'Id of the call, also sent to the provider as its idempotency key.';
comment on column ledger.call.at is 'When the call was recorded.';
comment on column ledger.call.state is 'reserved -> sent -> settled, refused, failed or unknown (died between sent and settled: it may have been billed).';
comment on column ledger.call.tenant is 'Whose call.';
comment on column ledger.call.project is 'Project that pays.';
comment on column ledger.call.team is 'Team that pays.';
comment on column ledger.call.user_ref is 'personal: pseudonym of the user; kept as long as the partition; erased with the pseudonym.';
comment on column ledger.call.session_ref is 'personal: pseudonym of the session; kept as long as the partition; erased with the pseudonym.';
comment on column ledger.call.use is 'The use (feature) that asked.';
comment on column ledger.call.route is 'API route.';
comment on column ledger.call.region is 'Region of the endpoint, where it is known.';
comment on column ledger.call.endpoint is 'Base URL of the provider; embedded, for the embedded model server.';
comment on column ledger.call.model is 'Model asked for.';
comment on column ledger.call.answered_by is 'Model that the provider says answered.';
comment on column ledger.call.prompt_name is 'Prompt, for calls with one.';
comment on column ledger.call.prompt_version is 'Version of the prompt.';
comment on column ledger.call.prompt_sha256 is 'SHA-256 of the prompt file.';
comment on column ledger.call.prompt_approver is 'Who approved that version.';
comment on column ledger.call.request_sha256 is 'SHA-256 over the keys of the inputs, in order.';
comment on column ledger.call.attempts is 'HTTP attempts.';
comment on column ledger.call.status_counts is 'How often each HTTP status, or kind of failure, was met.';
comment on column ledger.call.inputs is 'Inputs in the request.';
comment on column ledger.call.tokens_planned is 'Tokens counted by us before the call.';
comment on column ledger.call.tokens_in is 'Input tokens that the provider billed.';
comment on column ledger.call.tokens_cached is 'Of these, tokens billed at the cached price.';
comment on column ledger.call.tokens_out is 'Output tokens that the provider billed.';
comment on column ledger.call.usd_per_million_in is 'Price of input tokens on the day.';
comment on column ledger.call.usd_per_million_out is 'Price of output tokens on the day.';
comment on column ledger.call.cost_planned_usd is 'The most that the call could cost.';
comment on column ledger.call.cost_usd is 'What it cost.';
comment on column ledger.call.latency_ms is 'Milliseconds of the attempt that succeeded.';
comment on column ledger.call.sensitivity is 'Sensitivity of the inputs: public, internal or confidential.';
comment on column ledger.call.batch_id is 'Batch of the Batch API, for calls made through one.';
comment on column ledger.call.trace_id is 'OpenTelemetry trace.';
comment on column ledger.call.provider_request_id is 'The provider''s x-request-id.';
comment on column ledger.call.dag_id is 'Airflow DAG.';
comment on column ledger.call.dag_run_id is 'Airflow DAG run, or the id of a run by the command line.';
comment on column ledger.call.task_id is 'Airflow task.';
comment on column ledger.call.run_id is 'The run (lineage.run) that called.';
comment on column ledger.call.code_version is 'Version of the code.';
comment on column ledger.call.sent_at is 'When the first attempt was about to be sent.';
comment on column ledger.call.ended_at is 'When the call reached its last state.';
comment on column ledger.call.error is 'Why it failed, in a sentence without contents.';
insert into core.monthly_table values ('ledger.call');
call core.isolate('ledger.call');

create table ledger.intent (
    call_id uuid primary key,
    call_at timestamptz not null,
    tenant text not null,
    use text not null,
    endpoint text not null,
    model text not null,
    dimensions integer,
    keys bytea[] not null,
    tokens integer[] not null,
    request bytea not null,
    holder bigint not null check (holder > 0),
    run_id uuid not null,
    check (cardinality(keys) = cardinality(tokens) and cardinality(keys) > 0)
);
-- Random bytes and JSON that lives for a second: compressing them costs more than it saves.
alter table ledger.intent alter column keys set storage external;
alter table ledger.intent alter column request set storage external;
comment on table ledger.intent is 'A call that is under way: written before it is sent, gone when it has ended. What a crash leaves here may have been billed.';
comment on column ledger.intent.call_id is 'The call (ledger.call).';
comment on column ledger.intent.call_at is 'Its time, which finds its partition.';
comment on column ledger.intent.tenant is 'Whose call.';
comment on column ledger.intent.use is 'The use that asked.';
comment on column ledger.intent.endpoint is 'Base URL of the provider; embedded, for the embedded model server.';
comment on column ledger.intent.model is 'Model asked for.';
comment on column ledger.intent.dimensions is 'Dimensions asked for, for embeddings.';
comment on column ledger.intent.keys is 'Answer keys of the inputs, in order.';
comment on column ledger.intent.tokens is 'Tokens of each input, as counted by us.';
comment on column ledger.intent.request is 'personal: the request, byte for byte, its inputs minimised, so that the very same one can be repeated after a crash; kept until the call has ended; erased with the call.';
comment on column ledger.intent.holder is 'Advisory lock that the session of the buying process holds: free when that process is gone.';
comment on column ledger.intent.run_id is 'The run (lineage.run) that called.';
call core.isolate('ledger.intent');

create function ledger.holder_lives(holder bigint) returns boolean
language sql stable set search_path = pg_catalog, pg_temp
return exists (
    select from pg_locks
    where locktype = 'advisory'
        and database = (select oid from pg_database where datname = current_database())
        and classid::bigint = holder >> 32
        and objid::bigint = holder & 4294967295
        and objsubid = 1
        and granted
);
comment on function ledger.holder_lives(bigint) is 'Whether a session still holds this lock: whether the process that wrote an intent is alive.';

create table ledger.answer (
    key bytea primary key,
    tenant text not null,
    use text not null,
    model text not null,
    call_id uuid not null,
    call_at timestamptz not null,
    tokens integer not null check (tokens >= 0),
    vector halfvec,
    body jsonb,
    bought_at timestamptz not null default now(),
    expires_at timestamptz,
    check (num_nonnulls(vector, body) = 1)
);
alter table ledger.answer alter column vector set storage plain;
comment on table ledger.answer is 'Answers that were bought, one a key: found here, an answer is never bought again.';
comment on column ledger.answer.key is 'SHA-256 of tenant, use, prompt, model, parameters and minimised input.';
comment on column ledger.answer.tenant is 'Whose answer; tenants never share one.';
comment on column ledger.answer.use is 'The use that asked.';
comment on column ledger.answer.model is 'Model asked for.';
comment on column ledger.answer.call_id is 'The call (ledger.call) that bought it.';
comment on column ledger.answer.call_at is 'Its time, which finds its partition.';
comment on column ledger.answer.tokens is 'Tokens of this input, as counted by us.';
comment on column ledger.answer.vector is 'personal: an embedding, at half precision; kept while a chunk uses it; erased with its last chunk.';
comment on column ledger.answer.body is 'personal: any other answer; kept for the lifetime of its use; erased with its subject.';
comment on column ledger.answer.bought_at is 'When it was bought.';
comment on column ledger.answer.expires_at is 'When it may no longer be used; never, where empty.';
call core.isolate('ledger.answer');

grant usage on schema ledger to plumbline_app, plumbline_auditor, plumbline_reporter;
grant select on ledger.price to plumbline_app, plumbline_auditor, plumbline_reporter;
grant select, insert, update on ledger.bucket to plumbline_app;
grant select, insert, update on ledger.call to plumbline_app;
grant select, insert, delete on ledger.intent, ledger.answer to plumbline_app;
grant update (holder) on ledger.intent to plumbline_app;
grant select on ledger.call to plumbline_auditor, plumbline_reporter;
grant select (key, tenant, use, model, call_id, call_at, tokens, bought_at, expires_at) on ledger.answer to plumbline_auditor;
grant select (call_id, call_at, tenant, use, endpoint, model, dimensions, keys, tokens, holder, run_id) on ledger.intent to plumbline_auditor;
