-- The index version of the tenant for a model and a dimension, unless it is still to be made.
select index_id, state, table_name, model
from corpus.vector_index
where model = %(model)s and dimensions = %(dimensions)s and state <> 'retired'
