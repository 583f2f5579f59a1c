-- What a tenant has to search: the index in force, and the languages of its chunks (each found by one step in the index).
with recursive known as (
    (select language from corpus.chunk where tenant = %(tenant)s order by tenant, language limit 1)
    union all
    select (
        select chunk.language from corpus.chunk
        where chunk.tenant = %(tenant)s and chunk.language > known.language
        order by chunk.tenant, chunk.language limit 1
    )
    from known where known.language is not null
)
select
    coalesce((select array_agg(language order by language) from known where language is not null), '{}') as languages,
    vector_index.index_id, vector_index.model, vector_index.dimensions,
    vector_index.instead_of_model, vector_index.instead_of_dimensions
from (select) as always
left join corpus.vector_index on vector_index.tenant = %(tenant)s and vector_index.state = 'in_force'
