-- Every index version that has a table, and the comparison that its swap was based on, or that was made of it last.
select
    version.*, compared.compared_at, compared.hit_5, compared.mrr, compared.against_hit_5, compared.against_mrr
from corpus.index_versions() as version
left join lateral (
    select *
    from corpus.index_comparison as one
    -- What its swap was based on may be of a version whose vectors it took over.
    where one.comparison_id = version.compared_by or (version.compared_by is null and one.index_id = version.index_id)
    order by one.compared_at desc
    limit 1
) as compared on version.state = 'building' or version.compared_by is not null
order by version.index_id
