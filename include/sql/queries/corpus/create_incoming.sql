-- COPY cannot write to a table with row-level security, so rows come in here and are moved on by INSERT.
create temporary table if not exists incoming_document (like corpus.staged_document)
with (toast_tuple_target = 8160) on commit delete rows;
create temporary table if not exists incoming_chunk (like corpus.staged_chunk)
with (toast_tuple_target = 8160) on commit delete rows
