-- Whether the staging has grown fourfold since the planner last looked: in between, it scales what it knows by the size.
select pg_relation_size(oid) > 4 * greatest(relpages, 0) * current_setting('block_size')::bigint as grown
from pg_class
where oid = 'corpus.staged_chunk'::regclass
