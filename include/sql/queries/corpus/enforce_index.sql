-- Searches begin to use this index.
update corpus.vector_index set state = 'in_force', in_force_at = now() where index_id = %(index_id)s and state = 'building'
