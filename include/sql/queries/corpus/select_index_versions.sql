-- Every index version that has a table.
select * from corpus.index_versions() order by index_id
