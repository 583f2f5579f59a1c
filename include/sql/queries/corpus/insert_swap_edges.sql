-- Lineage: chunks became vectors of the index that is put into force; one that was in force before has the edges of what it
-- had then.
insert into lineage.edge (
    tenant, run_id, cause_kind, cause_id, effect_kind, effect_id, effect_name, effect_sha256, model, code_version
)
select
    vector.tenant, %(run_id)s, 'chunk', vector.chunk_id, 'vector', vector.chunk_id, %(table_name)s, vector.answer_key, %(model)s,
    %(code_version)s
from {embedding} as vector
where not exists (
    select from lineage.edge as known
    where known.effect_id = vector.chunk_id
        and known.effect_kind = 'vector'
        and known.effect_name = %(table_name)s
        and known.effect_sha256 = vector.answer_key
)
