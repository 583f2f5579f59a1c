-- Searches begin to use this index.
update corpus.vector_index
set state = 'in_force', in_force_at = now(), retired_at = null, kept_until = null, worked_at = null,
    instead_of_model = %(instead_of_model)s, instead_of_dimensions = %(instead_of_dimensions)s, compared_by = %(compared_by)s
where index_id = %(index_id)s and state = 'building'
