-- Lineage: chunks of documents that were published before became vectors of the index that is put into force; those of the
-- documents that this ingestion stores have their edges already.
insert into lineage.edge (
    tenant, run_id, cause_kind, cause_id, effect_kind, effect_id, effect_name, effect_sha256, model, code_version
)
select
    vector.tenant, %(run_id)s, 'chunk', vector.chunk_id, 'vector', vector.chunk_id, %(table_name)s, vector.answer_key, %(model)s,
    %(code_version)s
from corpus.document
join corpus.chunk on chunk.document_id = document.document_id
join {embedding} as vector on vector.chunk_id = chunk.chunk_id
left join corpus.staged_document as staged on staged.document_id = document.document_id and staged.source_id = %(source_id)s
where staged.document_id is null
