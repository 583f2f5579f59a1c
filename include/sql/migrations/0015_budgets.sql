-- Budgets: caps on what is spent, and the blocks in which buying processes draw on them.

create table ledger.budget (
    budget_id bigint generated always as identity primary key,
    tenant text not null,
    scope text not null check (scope in ('everything', 'project', 'team', 'use', 'user')),
    name text not null,
    period text not null check (period in ('day', 'month')),
    cap_usd numeric(18, 9) not null check (cap_usd >= 0),
    on_exceed text not null default 'refuse' check (on_exceed = 'refuse'),
    thresholds numeric(4, 3)[] not null default '{0.5,0.8,1}' check (
        cardinality(thresholds) between 1 and 10 and 0 < all (thresholds) and 1 >= all (thresholds)
    ),
    valid_from timestamptz not null default clock_timestamp(),
    valid_until timestamptz check (valid_until >= valid_from),
    set_by text not null,
    removed_by text,
    check ((scope = 'everything') = (name = '')),
    check (removed_by is null or valid_until is not null)
);
create unique index budget_in_force on ledger.budget (tenant, scope, name, period) where valid_until is null;
comment on table ledger.budget is 'Caps on what is spent. A budget is never changed: another takes its place, so that all that were in force are here.';
comment on column ledger.budget.budget_id is 'Number of the budget.';
comment on column ledger.budget.tenant is 'Whose budget.';
comment on column ledger.budget.scope is 'Which calls count: those of a project, a team, a use or a user, or everything.';
comment on column ledger.budget.name is 'personal: pseudonym of the user, where it is for one; kept as long as the book; erased with the pseudonym. Else the name of a project, team or use, and empty for everything.';
comment on column ledger.budget.period is 'day or month, in UTC: when it begins anew.';
comment on column ledger.budget.cap_usd is 'The most that may be spent in a period, in US dollars.';
comment on column ledger.budget.on_exceed is 'What becomes of a call for which there is no room: it is refused before it is sent.';
comment on column ledger.budget.thresholds is 'Parts of the cap at which people are told.';
comment on column ledger.budget.valid_from is 'When it was set.';
comment on column ledger.budget.valid_until is 'When another took its place, or it was removed; empty while it is in force.';
comment on column ledger.budget.set_by is 'personal: login name of who set it; kept as long as the book; erased by putting a pseudonym in its place.';
comment on column ledger.budget.removed_by is 'personal: login name of who removed it without another; kept as long as the book; erased by putting a pseudonym in its place.';
call core.isolate('ledger.budget');

create table ledger.budget_period (
    period_id bigint generated always as identity primary key,
    tenant text not null,
    scope text not null,
    name text not null,
    period text not null,
    starts_on date not null,
    budget_id bigint not null references ledger.budget,
    cap_usd numeric(18, 9) not null check (cap_usd >= 0),
    spent_usd numeric(18, 9) not null default 0 check (spent_usd >= 0),
    spent_before_usd numeric(18, 9) not null default 0 check (spent_before_usd between 0 and spent_usd),
    leased_usd numeric(18, 9) not null default 0 check (leased_usd >= 0),
    over_usd numeric(18, 9) not null default 0 check (over_usd >= 0),
    unique (tenant, scope, name, period, starts_on),
    constraint a_budget_is_a_wall check (spent_usd + leased_usd <= cap_usd + over_usd)
) with (fillfactor = 50);
comment on table ledger.budget_period is 'One day or month of a budget: what is spent and what is leased to buying processes, never more than the cap.';
comment on column ledger.budget_period.period_id is 'Number of the period; ledger.call names it.';
comment on column ledger.budget_period.tenant is 'Whose budget.';
comment on column ledger.budget_period.scope is 'Scope of the budget.';
comment on column ledger.budget_period.name is 'personal: pseudonym of the user, where it is for one; kept as long as the book; erased with the pseudonym. Else the name of a project, team or use.';
comment on column ledger.budget_period.period is 'day or month.';
comment on column ledger.budget_period.starts_on is 'Its first day (UTC).';
comment on column ledger.budget_period.budget_id is 'The budget that was last in force in it.';
comment on column ledger.budget_period.cap_usd is 'The most that may be spent in it.';
comment on column ledger.budget_period.spent_usd is 'What its calls cost, as far as it is booked here; the rest is in ledger.lease.';
comment on column ledger.budget_period.spent_before_usd is 'Of this, what calls of the period cost that ended while no budget was in force.';
comment on column ledger.budget_period.leased_usd is 'What is in the blocks of ledger.lease together.';
comment on column ledger.budget_period.over_usd is 'What it is over its cap, without a call that was let through for it: a cap lowered, or set, below what was spent; a bill above the worst case.';
call core.isolate('ledger.budget_period');

create table ledger.lease (
    period_id bigint not null references ledger.budget_period,
    holder bigint not null check (holder > 0),
    tenant text not null,
    granted_usd numeric(18, 9) not null check (granted_usd >= 0),
    open_usd numeric(18, 9) not null default 0 check (open_usd >= 0),
    spent_usd numeric(18, 9) not null default 0 check (spent_usd >= 0),
    primary key (period_id, holder),
    constraint a_lease_is_a_wall check (open_usd + spent_usd <= granted_usd)
) with (fillfactor = 50);
comment on table ledger.lease is 'A block of a budget that one buying process draws on by itself, so that no call waits for another process.';
comment on column ledger.lease.period_id is 'The period of a budget that it is a part of.';
comment on column ledger.lease.holder is 'Advisory lock that the session of the buying process holds, as in ledger.intent.';
comment on column ledger.lease.tenant is 'Whose budget.';
comment on column ledger.lease.granted_usd is 'How much of the budget is in it.';
comment on column ledger.lease.open_usd is 'Of this, the most that its calls under way can cost; calls in doubt included, until they are decided.';
comment on column ledger.lease.spent_usd is 'Of this, what its calls cost that have ended; booked on the period when the block is renewed or given back.';
call core.isolate('ledger.lease');

create table ledger.budget_event (
    period_id bigint not null references ledger.budget_period,
    event text not null check (event in ('reached', 'refused')),
    threshold numeric(4, 3) not null check (threshold > 0 and threshold <= 1),
    tenant text not null,
    spent_usd numeric(18, 9) not null,
    cap_usd numeric(18, 9) not null,
    at timestamptz not null default clock_timestamp(),
    told_at timestamptz,
    primary key (period_id, event, threshold),
    check (event = 'reached' or threshold = 1)
);
create index budget_event_untold on ledger.budget_event (tenant) where told_at is null;
comment on table ledger.budget_event is 'A budget has come to one of its thresholds, or has refused a call: once each in a period.';
comment on column ledger.budget_event.period_id is 'The period of a budget.';
comment on column ledger.budget_event.event is 'reached: so much is spent; refused: there was no room for a call.';
comment on column ledger.budget_event.threshold is 'Part of the cap; 1 for a refusal.';
comment on column ledger.budget_event.tenant is 'Whose budget.';
comment on column ledger.budget_event.spent_usd is 'What was spent then.';
comment on column ledger.budget_event.cap_usd is 'The cap then.';
comment on column ledger.budget_event.at is 'When it was noticed.';
comment on column ledger.budget_event.told_at is 'When people were told.';
call core.isolate('ledger.budget_event');

alter table ledger.call add column budget_periods bigint[];
comment on column ledger.call.budget_periods is 'The periods of budgets (ledger.budget_period) that it counts for; those of its reservation, whenever it ends.';

alter table ledger.intent
    add column lease bigint check (lease > 0),
    add column budget_periods bigint[],
    add column reserved_usd numeric(18, 9) check (reserved_usd >= 0),
    add constraint a_reservation_is_whole check (
        num_nulls(lease, budget_periods, reserved_usd) in (0, 3) and cardinality(budget_periods) > 0
    );
comment on column ledger.intent.lease is 'Whose leases (ledger.lease.holder) it has drawn on: those of the process that wrote it, whoever repeats it.';
comment on column ledger.intent.budget_periods is 'The periods of budgets that it is reserved in.';
comment on column ledger.intent.reserved_usd is 'What is reserved in each of them: the most that it can cost.';

-- Two kinds of transactions over the budgets of a tenant: purchases, at any time and in any number; and those that set
-- budgets or take back what others have leased, while nobody buys.  Written in plpgsql because each of its statements
-- sees what was committed while it waited.
create function ledger.join_budgets(whose text, alone boolean) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
    lock bigint := hashtextextended(format('plumbline.ledger.budgets/%s', whose), 0);
begin
    if alone then
        perform pg_advisory_xact_lock(lock);
    else
        perform pg_advisory_xact_lock_shared(lock);
    end if;
    return exists (select from ledger.budget where tenant = whose and valid_until is null);
end
$$;
comment on function ledger.join_budgets(text, boolean) is 'Begin to buy, or alone: to change budgets while nobody buys, until the transaction ends; whether any budget is in force.';

grant select, insert on ledger.budget to plumbline_app;
grant update (valid_until, removed_by) on ledger.budget to plumbline_app;
grant select, insert, update on ledger.budget_period to plumbline_app;
grant select, insert, update, delete on ledger.lease to plumbline_app;
grant select, insert on ledger.budget_event to plumbline_app;
grant update (told_at) on ledger.budget_event to plumbline_app;
grant update (lease, budget_periods, reserved_usd) on ledger.intent to plumbline_app;
grant select (budget_id, tenant, scope, name, period, cap_usd, on_exceed, thresholds, valid_from, valid_until) on ledger.budget
    to plumbline_auditor, plumbline_reporter;
grant select on ledger.budget_period, ledger.lease, ledger.budget_event to plumbline_auditor, plumbline_reporter;
grant select (lease, budget_periods, reserved_usd) on ledger.intent to plumbline_auditor;
