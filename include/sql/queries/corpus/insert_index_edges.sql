-- Lineage: chunks that had been published before became vectors of the index that is put into force; those that this very
-- transaction published have their edges already.
insert into lineage.edge (
    tenant, run_id, cause_kind, cause_id, effect_kind, effect_id, effect_name, effect_sha256, model, code_version
)
select
    vector.tenant, %(run_id)s, 'chunk', vector.chunk_id, 'vector', vector.chunk_id, %(table_name)s, vector.answer_key, %(model)s,
    %(code_version)s
from {embedding} as vector
where not exists (
    select from lineage.edge
    where edge.at = now() and edge.effect_id = vector.chunk_id and edge.effect_kind = 'vector'
)
