-- COPY cannot write to a table with row-level security, so lines come in here and are moved on by INSERT.
create temporary table if not exists incoming_line (like ledger.batch_line) on commit delete rows
