-- Their words and vectors go with them.
delete from corpus.chunk using gone_chunk where chunk.chunk_id = gone_chunk.chunk_id
