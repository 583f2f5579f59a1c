-- What the ingestion is to do; what is unchanged needs no row.
insert into corpus.ingestion_file (
    ingestion_id, path, tenant, action, shard, document_id, kind, bytes, sha256, reason_code, reason
)
select
    %(ingestion_id)s,
    path,
    %(tenant)s,
    action,
    case when action = 'store' then (row_number() over (partition by action order by path) - 1) %% %(shards)s else 0 end,
    document_id,
    kind,
    bytes,
    sha256,
    case when action = 'refuse' then reason_code end,
    case when action = 'refuse' then reason end
from compared
where action <> 'unchanged'
