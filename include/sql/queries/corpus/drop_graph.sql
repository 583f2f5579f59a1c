-- Drop the graph of an index version that is not in force.
select corpus.drop_graph(%(tenant)s, %(index_id)s) as dropped
