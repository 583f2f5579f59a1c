-- Documents that were not compared with the others yet, after a place in the order of ids: a page, or less of long texts.
select document_id, version_id, text_sha256
from (
    select
        waiting.document_id, waiting.version_id, version.text_sha256,
        sum(octet_length(version.text)) over (order by waiting.document_id) - octet_length(version.text) as bytes_before
    from (
        select document_id, version_id
        from corpus.document
        where document_id > %(after)s
            and not exists (
                select from corpus.document_signature as signature where signature.document_id = document.document_id
            )
        order by document_id
        limit %(page)s
    ) as waiting
    join corpus.document_version as version on version.version_id = waiting.version_id
) as measured
where bytes_before < %(page_bytes)s
order by document_id
