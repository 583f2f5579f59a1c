-- Which of these paths are searchable.
select distinct path from corpus.document where path = any(%(paths)s)
