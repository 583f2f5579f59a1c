-- Searches stop using the index that was in force; its table is kept for so long, or until the next building of indexes. A copy
-- of it that was to take its place goes too: nobody would complete it.
update corpus.vector_index
set state = 'retired', retired_at = now(), kept_until = case when state = 'in_force' then now() + %(kept)s::interval end
where index_id <> %(index_id)s
    and (
        state = 'in_force'
        or (
            state = 'building' and in_force_at is null
            and copied_from = (select index_id from corpus.vector_index where state = 'in_force')
        )
    )
