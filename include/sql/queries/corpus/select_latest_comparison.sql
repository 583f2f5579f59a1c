-- The last comparison of an index version with the one in force.
select index_comparison.*
from corpus.index_comparison
join corpus.vector_index as against on against.index_id = index_comparison.against_id and against.state = 'in_force'
where index_comparison.index_id = %(index_id)s
order by compared_at desc
limit 1
