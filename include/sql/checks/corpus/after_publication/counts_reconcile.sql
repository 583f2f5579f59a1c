-- Found equals stored, unchanged, refused and removed together, and each was counted from what was done.
-- severity: block
select ingestion.ingestion_id, ingestion.found, ingestion.stored, ingestion.unchanged, ingestion.refused, ingestion.removed
from corpus.ingestion
cross join lateral (
    select
        count(*) filter (where file.action = 'store' and document.source_sha256 = file.sha256) as stored,
        count(*) filter (where file.action = 'refuse') as refused,
        count(*) filter (where file.action = 'remove' and document.document_id is null) as removed
    from corpus.ingestion_file as file
    left join corpus.document on document.document_id = file.document_id
    where file.ingestion_id = ingestion.ingestion_id
) as done
where ingestion.ingestion_id = %(ingestion_id)s
    and (
        ingestion.found <> done.stored + ingestion.unchanged + done.refused + done.removed
        or (ingestion.stored, ingestion.refused, ingestion.removed) <> (done.stored, done.refused, done.removed)
    )
