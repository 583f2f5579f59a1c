-- Vectors of an index that no search uses any more are not kept.
select corpus.drop_retired_indexes(%(tenant)s) as dropped
