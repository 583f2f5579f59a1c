-- Versions in the making, the copies of a renewal left out.
select index_id, state, table_name, model, dimensions from corpus.vector_index
where state = 'building' and (copied_from is null or in_force_at is not null)
order by index_id
