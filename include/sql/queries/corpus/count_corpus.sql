-- How many chunks there are, how their strictest source is to be treated, and whether so many vectors are worth a graph.
select
    (select count(*) from corpus.chunk) as chunks,
    corpus.calls_for_graph((select count(*) from corpus.chunk), %(dimensions)s) as graph,
    coalesce(
        (
            select sensitivity from corpus.source
            order by array_position(array['confidential', 'internal', 'public'], sensitivity) limit 1
        ),
        'internal'
    ) as sensitivity
