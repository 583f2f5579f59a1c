-- The index version that searches use, and what it stands in for.
select index_id, state, table_name, model, dimensions, instead_of_model, instead_of_dimensions
from corpus.vector_index
where state = 'in_force'
