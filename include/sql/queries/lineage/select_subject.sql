-- What an id is the id of.
select 'chunk' as kind, chunk.chunk_id as id, document.path || ' #' || chunk.ordinal as name,
    'characters ' || chunk.span_start || ' to ' || chunk.span_end as detail, chunk.text_sha256 as sha256, chunk.answer_key
from corpus.chunk
join corpus.document on document.document_id = chunk.document_id
where chunk.chunk_id = %(id)s
union all
select 'document', document_id, path, 'searchable since ' || to_char(first_published_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'),
    source_sha256, null
from corpus.document
where document_id = %(id)s
union all
select 'document_version', version_id, path,
    case
        when removed_at is not null then 'removed ' || to_char(removed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
        when superseded_at is not null then 'superseded ' || to_char(superseded_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI')
        else 'searchable'
    end,
    text_sha256, null
from corpus.document_version
where version_id = %(id)s
union all
select 'call', call_id, use || ' by ' || coalesce(answered_by, model),
    state || ', ' || inputs || ' inputs, ' || coalesce(tokens_in, tokens_planned) || ' tokens, USD ' || coalesce(cost_usd, cost_planned_usd),
    null, null
from ledger.call
where call_id = %(id)s
union all
select 'run', run_id, job, state || ', code ' || code_version || coalesce(', run ' || dag_run_id, ''), null, null
from lineage.run
where run_id = %(id)s
union all
-- A document that left its source is known by its versions, a file or a chunk that is gone by its edges.
select * from (
    select 'document', document_id, path, 'no longer in its source', null::bytea, null::bytea
    from corpus.document_version
    where document_id = %(id)s
    limit 1
) as gone_document
union all
select * from (
    select cause_kind, cause_id, coalesce(effect_name, ''), 'known from lineage', null::bytea, null::bytea
    from lineage.edge
    where cause_id = %(id)s
    order by at desc
    limit 1
) as cause
union all
select * from (
    select effect_kind, effect_id, coalesce(effect_name, ''), 'known from lineage', effect_sha256, null::bytea
    from lineage.edge
    where effect_id = %(id)s
    order by at desc
    limit 1
) as effect
limit 1
