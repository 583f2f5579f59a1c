-- The Batch API: what is to be bought in batches, the batches at the provider, and their lines until they have ended.

alter table ledger.call drop constraint call_state_check;
alter table ledger.call add constraint call_state_check
    check (state in ('reserved', 'sent', 'settled', 'refused', 'failed', 'expired', 'unknown'));
comment on column ledger.call.state is 'reserved -> sent -> settled, refused, failed, expired (a line of a batch that the provider did not come to; not billed) or unknown (it may have been billed, and nobody knows).';
create index call_by_batch on ledger.call (batch_id) where batch_id is not null;

create table ledger.batch_plan (
    plan_id uuid primary key,
    tenant text not null,
    state text not null check (state in ('planning', 'planned', 'done')),
    use text not null,
    route text not null,
    endpoint text not null,
    region text,
    model text not null,
    answers_as text not null,
    dimensions integer,
    prompt_name text,
    prompt_version text,
    prompt_sha256 bytea,
    prompt_approver text,
    sensitivity text not null,
    usd_per_million_in numeric(14, 6) not null check (usd_per_million_in >= 0),
    usd_per_million_out numeric(14, 6) not null check (usd_per_million_out >= 0),
    usd_per_million_cached numeric(14, 6) check (usd_per_million_cached >= 0),
    requested bigint not null default 0 check (requested >= 0),
    answered bigint not null default 0 check (answered >= 0),
    under_way bigint not null default 0 check (under_way >= 0),
    holder bigint not null check (holder > 0),
    project text not null,
    team text not null,
    trace_id text,
    dag_id text,
    dag_run_id text,
    task_id text,
    run_id uuid not null,
    code_version text not null,
    planned_at timestamptz not null default clock_timestamp(),
    done_at timestamptz,
    check ((state = 'done') = (done_at is not null))
);
create index batch_plan_open on ledger.batch_plan (tenant) where state <> 'done';
comment on table ledger.batch_plan is 'What one step wants bought in batches, and for whom; its parts are ledger.batch.';
comment on column ledger.batch_plan.plan_id is 'The plan.';
comment on column ledger.batch_plan.tenant is 'Whose.';
comment on column ledger.batch_plan.state is 'planning (its lines are being written; gone with its process) -> planned (its calls are in the book) -> done (every part has ended).';
comment on column ledger.batch_plan.use is 'The use that asked.';
comment on column ledger.batch_plan.route is 'API route of every line.';
comment on column ledger.batch_plan.endpoint is 'Base URL of the provider; embedded, for the embedded model server.';
comment on column ledger.batch_plan.region is 'Region of the endpoint, where it is known.';
comment on column ledger.batch_plan.model is 'Model asked for.';
comment on column ledger.batch_plan.answers_as is 'How the name begins under which the model answers.';
comment on column ledger.batch_plan.dimensions is 'Dimensions asked for, for embeddings.';
comment on column ledger.batch_plan.prompt_name is 'Prompt, for lines with one.';
comment on column ledger.batch_plan.prompt_version is 'Version of the prompt.';
comment on column ledger.batch_plan.prompt_sha256 is 'SHA-256 of the prompt file.';
comment on column ledger.batch_plan.prompt_approver is 'Who approved that version.';
comment on column ledger.batch_plan.sensitivity is 'Sensitivity of the inputs: public, internal or confidential.';
comment on column ledger.batch_plan.usd_per_million_in is 'Price of input tokens in batches, on the day of the plan.';
comment on column ledger.batch_plan.usd_per_million_out is 'Price of output tokens in batches, on the day of the plan.';
comment on column ledger.batch_plan.usd_per_million_cached is 'Price of cached input tokens in batches, where the provider has one.';
comment on column ledger.batch_plan.requested is 'Inputs that were asked for.';
comment on column ledger.batch_plan.answered is 'Of these, inputs that had an answer already.';
comment on column ledger.batch_plan.under_way is 'Of these, inputs that somebody else was buying.';
comment on column ledger.batch_plan.holder is 'Advisory lock that the planning process holds: free when it is gone.';
comment on column ledger.batch_plan.project is 'Project that pays.';
comment on column ledger.batch_plan.team is 'Team that pays.';
comment on column ledger.batch_plan.trace_id is 'OpenTelemetry trace.';
comment on column ledger.batch_plan.dag_id is 'Airflow DAG.';
comment on column ledger.batch_plan.dag_run_id is 'Airflow DAG run, or the id of a run by the command line.';
comment on column ledger.batch_plan.task_id is 'Airflow task.';
comment on column ledger.batch_plan.run_id is 'The run (lineage.run) that planned it.';
comment on column ledger.batch_plan.code_version is 'Version of the code.';
comment on column ledger.batch_plan.planned_at is 'When the plan was begun.';
comment on column ledger.batch_plan.done_at is 'When its last part had ended.';
call core.isolate('ledger.batch_plan');

create table ledger.batch (
    batch_id uuid primary key,
    plan_id uuid not null references ledger.batch_plan on delete cascade,
    tenant text not null,
    part integer not null check (part > 0),
    attempt integer not null default 1 check (attempt > 0),
    parent uuid references ledger.batch,
    state text not null check (state in ('planned', 'uploading', 'submitting', 'submitted', 'ended', 'landed', 'failed')),
    lines integer not null check (lines > 0),
    inputs integer not null check (inputs >= lines),
    bytes bigint not null check (bytes > 0),
    tokens bigint not null check (tokens >= 0),
    tokens_out bigint not null check (tokens_out >= 0),
    cost_planned_usd numeric(18, 9) not null check (cost_planned_usd >= 0),
    called_at timestamptz,
    input_file_id text,
    provider_batch_id text,
    provider_state text,
    output_file_id text,
    error_file_id text,
    not_before timestamptz,
    intended_at timestamptz,
    submitted_at timestamptz,
    looked_at timestamptz,
    ended_at timestamptz,
    landed_at timestamptz,
    cleaned_at timestamptz,
    cancel_asked_at timestamptz,
    settled integer check (settled >= 0),
    refused integer check (refused >= 0),
    failed integer check (failed >= 0),
    expired integer check (expired >= 0),
    unknown integer check (unknown >= 0),
    strange integer check (strange >= 0),
    doubled integer check (doubled >= 0),
    cost_usd numeric(18, 9) check (cost_usd >= 0),
    lease bigint check (lease > 0),
    budget_periods bigint[],
    reserved_usd numeric(18, 9) check (reserved_usd >= 0),
    error text,
    unique (plan_id, part, attempt),
    constraint a_batch_is_reserved_somewhere check (
        num_nulls(lease, budget_periods, reserved_usd) in (0, 3) and cardinality(budget_periods) > 0
    ),
    unique (provider_batch_id),
    check (state not in ('submitting', 'submitted') or input_file_id is not null),
    check (state <> 'submitting' or intended_at is not null),
    check (state not in ('submitted', 'ended', 'landed') or provider_batch_id is not null),
    check (state not in ('landed', 'failed') or settled + refused + failed + expired + unknown = lines),
    check (state not in ('landed', 'failed') or cost_usd is not null)
);
create index batch_open on ledger.batch (tenant) where cleaned_at is null;
comment on table ledger.batch is 'One batch of the Batch API: a part of a plan, or a part of it that expired and is asked for again.';
comment on column ledger.batch.batch_id is 'Our id of the batch: in its metadata and in its file''s name at the provider, by which it is found again.';
comment on column ledger.batch.plan_id is 'The plan (ledger.batch_plan).';
comment on column ledger.batch.tenant is 'Whose.';
comment on column ledger.batch.lease is 'Whose leases (ledger.lease.holder) it has drawn on: those of the process that planned it.';
comment on column ledger.batch.budget_periods is 'The periods of budgets that it is reserved in.';
comment on column ledger.batch.reserved_usd is 'What is still reserved in each of them: the most that its open lines can cost.';
comment on column ledger.batch.part is 'Number of the part, from 1.';
comment on column ledger.batch.attempt is 'How often this part was asked for, from 1: lines that expired are asked for again.';
comment on column ledger.batch.parent is 'The batch whose expired lines this one asks for again.';
comment on column ledger.batch.state is 'planned -> uploading -> submitting (about to be made at the provider) -> submitted -> ended (there) -> landed (every line has one end), or failed (nothing of it was billed).';
comment on column ledger.batch.lines is 'Requests: each is a call (ledger.call).';
comment on column ledger.batch.inputs is 'Inputs of all its requests.';
comment on column ledger.batch.bytes is 'Length of its file.';
comment on column ledger.batch.tokens is 'Input tokens as counted by us.';
comment on column ledger.batch.tokens_out is 'The most tokens that its answers may have.';
comment on column ledger.batch.cost_planned_usd is 'The most that it could cost.';
comment on column ledger.batch.called_at is 'The time (ledger.call.at) of all its calls, which finds their partition; empty while it is planned.';
comment on column ledger.batch.input_file_id is 'Its file at the provider.';
comment on column ledger.batch.provider_batch_id is 'The provider''s id.';
comment on column ledger.batch.provider_state is 'What the provider last said of it.';
comment on column ledger.batch.output_file_id is 'The provider''s file of answers.';
comment on column ledger.batch.error_file_id is 'The provider''s file of errors.';
comment on column ledger.batch.not_before is 'It is not tried before then: the provider had no room.';
comment on column ledger.batch.intended_at is 'When it was about to be made at the provider.';
comment on column ledger.batch.submitted_at is 'When the provider''s id was known.';
comment on column ledger.batch.looked_at is 'When the provider was last asked about it.';
comment on column ledger.batch.ended_at is 'When it was found ended.';
comment on column ledger.batch.landed_at is 'When all its lines had their end.';
comment on column ledger.batch.cleaned_at is 'When its files at the provider were deleted, and nothing more is to be done.';
comment on column ledger.batch.cancel_asked_at is 'When somebody asked for its end.';
comment on column ledger.batch.settled is 'Lines that were answered.';
comment on column ledger.batch.refused is 'Lines that the provider refused.';
comment on column ledger.batch.failed is 'Lines that failed.';
comment on column ledger.batch.expired is 'Lines that the provider did not come to.';
comment on column ledger.batch.unknown is 'Lines of which nothing was heard, when it landed.';
comment on column ledger.batch.strange is 'Lines of the provider''s files that are not ours, or cannot be read.';
comment on column ledger.batch.doubled is 'Lines that the provider''s files hold again.';
comment on column ledger.batch.cost_usd is 'What it cost.';
comment on column ledger.batch.error is 'Why it failed, in a sentence without contents.';
call core.isolate('ledger.batch');

create table ledger.batch_line (
    batch_id uuid not null references ledger.batch on delete cascade,
    call_id uuid not null,
    tenant text not null,
    keys bytea[] not null,
    tokens integer[] not null,
    tokens_out integer not null check (tokens_out >= 0),
    request bytea not null,
    mends uuid,
    user_ref text,
    session_ref text,
    left_as text check (left_as in ('expired', 'unknown')),
    primary key (batch_id, call_id),
    check (cardinality(keys) = cardinality(tokens) and cardinality(keys) > 0)
);
alter table ledger.batch_line alter column keys set storage external;
create index batch_line_left on ledger.batch_line (call_id) where left_as is not null;
comment on table ledger.batch_line is 'A request of a batch: written before the batch is submitted, gone when it has ended.';
comment on column ledger.batch_line.batch_id is 'The batch.';
comment on column ledger.batch_line.call_id is 'The call (ledger.call); also the custom_id at the provider.';
comment on column ledger.batch_line.tenant is 'Whose.';
comment on column ledger.batch_line.keys is 'Answer keys of the inputs, in order.';
comment on column ledger.batch_line.tokens is 'Tokens of each input, as counted by us.';
comment on column ledger.batch_line.tokens_out is 'The most tokens that the answer may have.';
comment on column ledger.batch_line.request is 'personal: the request, byte for byte, its inputs minimised; kept until the line has ended; erased with the call.';
comment on column ledger.batch_line.mends is 'The call whose answer this one is to put right.';
comment on column ledger.batch_line.user_ref is 'personal: pseudonym of the user; kept until the line has ended; erased with the pseudonym.';
comment on column ledger.batch_line.session_ref is 'personal: pseudonym of the session; kept until the line has ended; erased with the pseudonym.';
comment on column ledger.batch_line.left_as is 'expired: to be asked for again; unknown: nothing was heard of it, and a person decides.';
call core.isolate('ledger.batch_line');

create table ledger.batch_key (
    key bytea primary key,
    tenant text not null,
    batch_id uuid not null references ledger.batch on delete cascade,
    call_id uuid not null
);
create index batch_key_by_batch on ledger.batch_key (batch_id);
comment on table ledger.batch_key is 'The answer keys that open batches are buying: nobody else buys them meanwhile.';
comment on column ledger.batch_key.key is 'Answer key.';
comment on column ledger.batch_key.tenant is 'Whose.';
comment on column ledger.batch_key.batch_id is 'The batch.';
comment on column ledger.batch_key.call_id is 'The line of the batch.';
call core.isolate('ledger.batch_key');

grant select, insert, delete on ledger.batch_plan, ledger.batch, ledger.batch_line, ledger.batch_key to plumbline_app;
grant update on ledger.batch to plumbline_app;
grant update (state, requested, answered, under_way, done_at) on ledger.batch_plan to plumbline_app;
grant update (left_as) on ledger.batch_line to plumbline_app;
grant update (batch_id, call_id) on ledger.batch_key to plumbline_app;
grant select on ledger.batch_plan, ledger.batch, ledger.batch_key to plumbline_auditor;
grant select on ledger.batch_plan, ledger.batch to plumbline_reporter;
grant select (batch_id, call_id, tenant, keys, tokens, tokens_out, mends, left_as) on ledger.batch_line to plumbline_auditor;
