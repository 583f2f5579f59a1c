-- Searches stop using the index that was in force; its table is kept for so long, or until the next building of indexes.
update corpus.vector_index
set state = 'retired', retired_at = now(), kept_until = now() + %(kept)s::interval
where state = 'in_force' and index_id <> %(index_id)s
