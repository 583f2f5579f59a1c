-- Vectors of an index that no search uses any more are not kept, or not longer than was said when it was swapped.
select corpus.drop_retired_indexes(%(tenant)s) as dropped
