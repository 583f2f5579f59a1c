-- The index version that searches use; before the first publication, one in the making.
select index_id, state, table_name, model
from corpus.vector_index
where state <> 'retired'
order by state = 'in_force' desc, index_id
limit 1
