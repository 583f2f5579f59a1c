-- The words of the chunks that are new, or whose words changed.
insert into corpus.chunk_terms (chunk_id, tenant, length, terms)
select staged.chunk_id, staged.tenant, staged.length, staged.terms
from corpus.staged_chunk as staged
join corpus.staged_document as document on document.document_id = staged.document_id
where document.source_id = %(source_id)s
    and not exists (
        select from corpus.chunk_terms as old where old.tenant = staged.tenant and old.chunk_id = staged.chunk_id
    )
