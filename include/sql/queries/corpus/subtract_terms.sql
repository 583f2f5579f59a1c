-- The words of chunks that go, or whose words changed; corpus.term and corpus.statistics follow by trigger.
delete from corpus.chunk_terms
where chunk_id in (select chunk_id from gone_chunk union all select chunk_id from changed_terms)
