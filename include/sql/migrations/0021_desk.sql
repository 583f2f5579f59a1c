-- What needs a person: found again by what it is about.

create index item_by_subject on review.item (tenant, kind, subject_kind, subject_id) where state <> 'withdrawn';
