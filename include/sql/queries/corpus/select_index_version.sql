-- One index version of the tenant.
select index_id, state, table_name, model, dimensions, instead_of_model, instead_of_dimensions, in_force_at, kept_until
from corpus.vector_index
where index_id = %(index_id)s
