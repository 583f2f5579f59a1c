-- Every stem is kept with the number of chunks that hold it.
-- severity: block
-- Stems may be personal, so the row that is named says how many are wrong and not which.
select wrong.stems
from (
    select count(*) as stems
    from corpus.term as kept
    full join (
        select word.lexeme as term, count(*) as chunks
        from corpus.chunk_terms
        cross join lateral unnest(chunk_terms.terms) as word
        group by word.lexeme
    ) as counted on counted.term = kept.term
    where coalesce(kept.chunks, 0) <> coalesce(counted.chunks, 0)
) as wrong
where wrong.stems > 0
