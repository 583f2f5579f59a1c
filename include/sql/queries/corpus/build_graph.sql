-- Build the graph of an index version, where its size is worth it.
select corpus.build_graph(%(tenant)s, %(index_id)s) as built
