-- Compare what was found with what we have, one row a document.
-- A file that was refused before, with the same bytes and by the same pipeline, is refused again without reading it.
-- Below a folder that could not be opened nothing is known, so nothing there is taken for removed.
create temporary table compared on commit drop as
select
    coalesce(scanned.path, document.path) as path,
    coalesce(scanned.document_id, document.document_id) as document_id,
    scanned.kind,
    scanned.bytes,
    scanned.sha256,
    coalesce(scanned.reason_code, refused.code) as reason_code,
    coalesce(scanned.reason, refused.reason) as reason,
    refused.path is not null as refused_before,
    case
        when scanned.path is null and exists (
            select from scanned as closed
            where closed.reason_code = any (%(passing_codes)s) and starts_with(document.path, closed.path || '/')
        ) then 'unchanged'
        when scanned.path is null then 'remove'
        when scanned.reason is not null then 'refuse'
        when document.source_sha256 = scanned.sha256 and document.pipeline = %(pipeline)s then 'unchanged'
        when refused.code <> all (%(passing_codes)s) then 'refuse'
        else 'store'
    end as action
from scanned
full join (select * from corpus.document where source_id = %(source_id)s) as document on document.path = scanned.path
left join corpus.refused_document as refused
    on refused.source_id = %(source_id)s
    and refused.path = scanned.path
    and refused.sha256 is not distinct from scanned.sha256
    and refused.pipeline = %(pipeline)s
