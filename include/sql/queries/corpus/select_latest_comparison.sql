-- The last comparison of an index version with the one in force, or with one whose vectors that took over.
with recursive same as (
    select index_id, copied_from from corpus.vector_index where state = 'in_force'
    union
    select worn.index_id, worn.copied_from
    from same join corpus.vector_index as worn on worn.index_id = same.copied_from
)
select index_comparison.*
from corpus.index_comparison join same on same.index_id = index_comparison.against_id
where index_comparison.index_id = %(index_id)s
order by compared_at desc
limit 1
