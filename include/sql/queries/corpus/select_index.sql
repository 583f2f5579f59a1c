-- The index version of the tenant for a model and a dimension, unless it is still to be made; rather the one in force than a
-- copy of it in the making.
select index_id, state, table_name, model, dimensions
from corpus.vector_index
where model = %(model)s and dimensions = %(dimensions)s and state <> 'retired'
order by state = 'in_force' desc
limit 1
