-- Drop the table of an index version that is not in force.
select corpus.drop_index(%(tenant)s, %(index_id)s) as dropped
