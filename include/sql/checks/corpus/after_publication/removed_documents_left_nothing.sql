-- Of a document that left its source, no row and no text is left.
-- severity: block
select file.document_id
from corpus.ingestion_file as file
where file.ingestion_id = %(ingestion_id)s
    and file.action = 'remove'
    and (
        exists (select from corpus.document where document.document_id = file.document_id)
        or exists (select from corpus.chunk where chunk.document_id = file.document_id)
        or exists (
            select from corpus.document_version as version
            where version.document_id = file.document_id and (version.text is not null or version.removed_at is null)
        )
    )
