-- Chunks that stay, but whose words for lexical search changed (a heading above them, the title).
create temporary table changed_terms on commit drop as
select staged.chunk_id
from corpus.staged_chunk as staged
join corpus.staged_document as document on document.document_id = staged.document_id
join corpus.chunk_terms as old on old.chunk_id = staged.chunk_id
where document.source_id = %(source_id)s
    and (old.length <> staged.length or old.terms <> staged.terms)
