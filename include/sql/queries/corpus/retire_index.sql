-- Searches stop using the index that was in force.
update corpus.vector_index set state = 'retired', retired_at = now() where state = 'in_force' and index_id <> %(index_id)s
