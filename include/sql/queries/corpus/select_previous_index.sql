-- The version that was in force last and still has its table; one that is being brought back already comes first.
select index_id, state, table_name, model, dimensions, in_force_at, kept_until
from corpus.vector_index
where in_force_at is not null
    and (state = 'building' or (state = 'retired' and kept_until > now()))
    and to_regclass('corpus.' || table_name) is not null
order by state = 'building' desc, retired_at desc
limit 1
