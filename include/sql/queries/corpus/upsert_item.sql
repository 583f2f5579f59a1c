-- A document was fetched. It was changed when its source says so, or else when we first saw it as it is.
insert into corpus.source_item as item (
    source_id, path, tenant, address, kind, bytes, sha256, etag, last_modified, modified_at, fetched_at, content
)
values (
    %(source_id)s, %(path)s, %(tenant)s, %(address)s, %(kind)s, %(bytes)s, %(sha256)s, %(etag)s, %(last_modified)s,
    coalesce(%(modified_at)s, now()), now(), %(content)s
)
on conflict (source_id, path) do update
set address = excluded.address, kind = excluded.kind, bytes = excluded.bytes, sha256 = excluded.sha256, etag = excluded.etag,
    last_modified = excluded.last_modified, content = excluded.content, fetched_at = excluded.fetched_at, confirmed_at = now(),
    problem_code = null, problem = null,
    modified_at = case
        when %(modified_at)s::timestamptz is not null then excluded.modified_at
        when item.sha256 = excluded.sha256 then item.modified_at
        else excluded.modified_at
    end
