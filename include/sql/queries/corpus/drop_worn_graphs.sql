-- What was removed does not stay in the pages of a graph that nobody renews.
select corpus.drop_worn_graphs(%(tenant)s, %(share)s, %(least)s, %(age)s::interval) as dropped
