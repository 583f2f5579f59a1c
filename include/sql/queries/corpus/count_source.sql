-- What is known from a source.
select
    (select count(*) from corpus.document where source_id = %(source_id)s) as documents,
    (
        select count(*)
        from corpus.chunk
        join corpus.document on document.document_id = chunk.document_id
        where document.source_id = %(source_id)s
    ) as chunks,
    (select count(*) from corpus.refused_document where source_id = %(source_id)s) as refused
