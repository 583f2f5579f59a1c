-- What needs a person is found again by what it is about; columns that name people say so.

create index item_by_subject on review.item (tenant, kind, subject_kind, subject_id) where state <> 'withdrawn';
comment on column review.item.assigned_to is 'personal: account name of the colleague who is at it; kept as long as the item; erased not at all, as the evidence of who decided.';
comment on column review.item.decided_by is 'personal: account name of the colleague who decided, or who or what withdrew it; kept as long as the item; erased not at all, as the evidence of who decided.';
comment on column review.item.changed_by is 'personal: account name of the colleague, or the step, that changed it last; kept as long as the item; erased not at all, as the evidence of who decided.';
comment on column review.remark.who is 'personal: account name of the colleague who wrote it; kept as long as the item; erased not at all, as the evidence of who decided.';
comment on column review.event.who is 'personal: account name of the colleague, or the step, that did it; kept as long as the item; erased not at all, as the evidence of who decided.';
comment on column review.event.was is 'personal: before: the account name of who was at it, or its state; kept as long as the item; erased not at all, as the evidence of who decided.';
comment on column review.event.became is 'personal: after: the reason it was asked for, the account name of who is at it, the remark''s id, the decision; kept as long as the item; erased not at all, as the evidence of who decided.';
comment on column privacy.listing.loaded_by is 'personal: login name of who loaded it; kept until the next list; erased by putting a pseudonym in its place.';
comment on column privacy.restoration.person is 'personal: on whose behalf, as that role says, a person or a step of a pipeline; kept for good; erased not at all, as the evidence of who was shown personal values.';
comment on column ledger.call.prompt_approver is 'personal: who approved that version; kept as long as the partition; erased by putting a pseudonym in its place.';
comment on column ledger.batch_plan.prompt_approver is 'personal: who approved that version; kept as long as the book; erased by putting a pseudonym in its place.';
comment on column ledger.effect.result is 'personal: what the model was told of what the tool gave back, a text (JSON, minimised before it was kept); kept as long as the answer''s use; erased with its pseudonyms.';

-- Who decided is for auditors; a report of how many needs no names.
revoke select (assigned_to, decided_by, changed_by) on review.item from plumbline_reporter;
revoke select (who) on review.remark from plumbline_reporter;
revoke select on review.event, privacy.listing from plumbline_reporter;
grant select (event_id, item_id, tenant, at, what) on review.event to plumbline_reporter;
grant select (tenant, listing_id, entries, loaded_at) on privacy.listing to plumbline_reporter;
