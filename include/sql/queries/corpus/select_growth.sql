-- Whether so much is staged that the planner's picture of the tables would be wrong after the publication.
select count(*) > greatest(1000, 0.2 * (select reltuples from pg_class where oid = 'corpus.chunk'::regclass)) as large
from corpus.staged_chunk as staged
join corpus.staged_document as document on document.document_id = staged.document_id
where document.source_id = %(source_id)s
