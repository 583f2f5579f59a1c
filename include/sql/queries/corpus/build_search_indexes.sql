-- Build what the size of the tenant's tables calls for.
select corpus.build_search_indexes(%(tenant)s) as built
