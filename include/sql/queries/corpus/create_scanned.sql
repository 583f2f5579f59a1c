-- What was found in the source, for the length of this transaction.
create temporary table scanned (
    path text primary key,
    document_id uuid not null,
    kind text,
    bytes bigint,
    sha256 bytea,
    reason_code text,
    reason text
) on commit drop
