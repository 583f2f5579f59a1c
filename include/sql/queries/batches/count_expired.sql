-- The expired lines of a batch that wait to be asked for again.
select
    count(*) as lines, coalesce(sum(cardinality(keys)), 0) as inputs, coalesce(sum(octet_length(request) + 128), 0) as bytes,
    coalesce(sum((select sum(token) from unnest(tokens) as of_line (token))), 0)::bigint as tokens,
    coalesce(sum(tokens_out), 0) as tokens_out
from ledger.batch_line
where batch_id = %(batch_id)s and left_as = 'expired'
