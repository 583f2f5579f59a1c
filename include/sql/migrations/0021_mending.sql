-- Lines of batches whose answers do not fit stay until a batch of the same plan has taken them up.

alter table ledger.batch_line drop constraint batch_line_left_as_check;
alter table ledger.batch_line add constraint batch_line_left_as_check check (left_as in ('expired', 'unknown', 'invalid'));
comment on column ledger.batch_line.left_as is 'expired: to be asked for again; unknown: nothing was heard of it, and a person decides; invalid: its answer does not fit what was asked for, and is to be put right.';
comment on column ledger.batch_line.request is 'personal: the request, byte for byte, its inputs minimised; kept until the line has ended, or was asked for again; erased with the call.';
comment on column ledger.batch.parent is 'The batch whose expired lines this one asks for again or, at the first attempt, whose answers it has put right.';
comment on column ledger.batch.unknown is 'Lines of which nothing was heard, when it landed, and about which nobody has decided since.';
comment on column ledger.batch.failed is 'Lines that were answered with what is of no use, failed at the provider, or were in doubt until a person decided.';
