-- What a batch has reserved, budget by budget: its lines may be of several users, and a budget may be set while it is open.

create table ledger.batch_share (
    batch_id uuid not null references ledger.batch on delete cascade,
    period_id bigint not null references ledger.budget_period,
    tenant text not null,
    lease bigint not null check (lease > 0),
    reserved_usd numeric(18, 9) not null check (reserved_usd >= 0),
    primary key (batch_id, period_id)
);
create index batch_share_by_period on ledger.batch_share (period_id);
comment on table ledger.batch_share is 'What a batch has reserved in one day or month of a budget; of a budget by user, for the lines of that user.';
comment on column ledger.batch_share.batch_id is 'The batch.';
comment on column ledger.batch_share.period_id is 'The period of a budget; the calls of the lines that it counts name it as well.';
comment on column ledger.batch_share.tenant is 'Whose.';
comment on column ledger.batch_share.lease is 'Whose leases (ledger.lease.holder) it has drawn on: those of the process that planned it, whoever brings it home.';
comment on column ledger.batch_share.reserved_usd is 'What is still reserved: the most that its open lines, as far as this budget counts them, can cost.';
call core.isolate('ledger.batch_share');

insert into ledger.batch_share (batch_id, period_id, tenant, lease, reserved_usd)
select batch.batch_id, counted.period_id, batch.tenant, batch.lease, batch.reserved_usd
from ledger.batch
cross join unnest(batch.budget_periods) as counted (period_id);

alter table ledger.batch
    drop constraint a_batch_is_reserved_somewhere,
    drop column lease,
    drop column budget_periods,
    drop column reserved_usd;

grant select, insert, update, delete on ledger.batch_share to plumbline_app;
grant select on ledger.batch_share to plumbline_auditor, plumbline_reporter;

-- What was spent lately is read of large months; rows come in the order of time, so a small index of blocks will do.
create index call_by_time on ledger.call using brin (at);
