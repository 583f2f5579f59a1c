-- So many vectors went, or were replaced: they are dead entries of every graph until it is built anew.
update corpus.vector_index
set removed = removed + %(removed)s, removed_since = coalesce(removed_since, now())
where graph_rows is not null and (state <> 'retired' or kept_until is not null)
