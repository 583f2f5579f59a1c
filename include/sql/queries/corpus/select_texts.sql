-- The next published chunks, after an id.
select chunk_id, text, tokens from corpus.chunk where chunk_id > %(after)s order by chunk_id limit %(page)s
