-- Answers in words: how they ended, what they used, and the actions that they led to.

alter table ledger.call
    add column tokens_out_planned bigint not null default 0 check (tokens_out_planned >= 0),
    add column usd_per_million_cached numeric(14, 6),
    add column mends uuid,
    add column outcome text check (outcome in ('answered', 'tool_calls', 'refusal', 'filtered', 'truncated', 'invalid'));
comment on column ledger.call.tokens_out_planned is 'The most tokens that the answer may have.';
comment on column ledger.call.usd_per_million_cached is 'Price of cached input tokens on the day, where the provider has one.';
comment on column ledger.call.mends is 'The call whose answer this one is to put right: it was billed, and did not fit the schema asked for.';
comment on column ledger.call.outcome is 'How an answer in words ended: answered, tool_calls, refusal or filtered (the model would not), truncated (at the most tokens), invalid (not of the schema asked for).';

alter table ledger.answer
    add column outcome text not null default 'answered'
        check (outcome in ('answered', 'tool_calls', 'refusal', 'filtered', 'truncated', 'invalid')),
    add column mended boolean not null default false;
comment on column ledger.answer.outcome is 'How the answer ended; see ledger.call.outcome.';
comment on column ledger.answer.mended is 'Whether a second call was bought because the first answer did not fit the schema; there is never a third.';
grant select (outcome, mended) on ledger.answer to plumbline_auditor;

create table ledger.effect (
    effect_key bytea primary key,
    tenant text not null,
    tool text not null,
    answer_key bytea not null,
    result jsonb not null,
    run_id uuid not null,
    at timestamptz not null default now()
);
comment on table ledger.effect is 'What tool calls of a model have done: one row an effect, written in the transaction of the effect itself.';
comment on column ledger.effect.effect_key is 'SHA-256 of tenant, answer key, tool, place among the calls of the answer, and arguments: an effect happens once.';
comment on column ledger.effect.tenant is 'Whose.';
comment on column ledger.effect.tool is 'The declared tool.';
comment on column ledger.effect.answer_key is 'Key (ledger.answer) of the answer that asked for it.';
comment on column ledger.effect.result is 'personal: what the tool gave back, for the model to read; kept as long as the answer''s use; erased with its subject.';
comment on column ledger.effect.run_id is 'The run (lineage.run) that did it.';
comment on column ledger.effect.at is 'When.';
call core.isolate('ledger.effect');
grant select, insert on ledger.effect to plumbline_app;
grant select (effect_key, tenant, tool, answer_key, run_id, at) on ledger.effect to plumbline_auditor;
