-- The kept size of the lexical index is its true size.
-- severity: block
select kept.tenant, kept.chunks - counted.chunks as chunks_too_many, kept.words - counted.words as words_too_many
from corpus.statistics as kept
cross join (select count(*) as chunks, coalesce(sum(length), 0) as words from corpus.chunk_terms) as counted
where kept.chunks <> counted.chunks or kept.words <> counted.words
