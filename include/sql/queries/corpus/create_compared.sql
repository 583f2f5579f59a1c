-- Compare what was found with what we have, one row a document.
-- A file that was refused before, with the same bytes and by the same pipeline, is refused again without reading it; one that
-- was too much for its reader is tried again after a day, for the machine may have been busy.
-- What has outlived the time-to-live of its source is removed, and refused from then on.
-- Below a folder that could not be opened nothing is known, so nothing there is taken for removed.
create temporary table compared on commit drop as
with closed as materialized (
    select path || '/' as beginning from scanned where reason_code = any (%(passing_codes)s)
)
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
            select from closed where starts_with(document.path, closed.beginning)
        ) then 'unchanged'
        when scanned.path is null then 'remove'
        when scanned.reason_code = 'expired' and document.path is not null then 'remove'
        when scanned.reason is not null then 'refuse'
        when document.source_sha256 = scanned.sha256 and document.pipeline = %(pipeline)s then 'unchanged'
        when refused.code <> all (%(passing_codes)s)
            and not (refused.code = any (%(strained_codes)s) and refused.tried_at <= now() - interval '1 day') then 'refuse'
        else 'store'
    end as action
from scanned
full join (select * from corpus.document where source_id = %(source_id)s) as document on document.path = scanned.path
left join corpus.refused_document as refused
    on refused.source_id = %(source_id)s
    and refused.path = scanned.path
    and refused.sha256 is not distinct from scanned.sha256
    and refused.pipeline = %(pipeline)s
