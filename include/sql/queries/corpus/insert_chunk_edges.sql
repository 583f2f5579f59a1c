-- Lineage: the text of a document became a chunk, and a chunk that is new to the index, or is sent otherwise, became a vector.
-- An index in the making may hold a vector that was given before this, and has no edge yet.
insert into lineage.edge (
    tenant, run_id, cause_kind, cause_id, effect_kind, effect_id, effect_name, effect_sha256, model, code_version
)
select
    staged.tenant, %(run_id)s, edge.cause_kind, edge.cause_id, edge.effect_kind, staged.chunk_id, edge.effect_name, edge.sha256,
    edge.model, %(code_version)s
from corpus.staged_chunk as staged
join corpus.staged_document as document on document.document_id = staged.document_id
cross join lateral (
    values
        ('document_version', document.version_id, 'chunk', document.path, staged.text_sha256, null::text),
        ('chunk', staged.chunk_id, 'vector', %(table_name)s, staged.answer_key, %(model)s)
) as edge (cause_kind, cause_id, effect_kind, effect_name, sha256, model)
where document.source_id = %(source_id)s
    and (
        edge.effect_kind = 'chunk'
        or %(building)s
        or not exists (
            select from {embedding} as known
            where known.chunk_id = staged.chunk_id and known.answer_key = staged.answer_key
        )
    )
