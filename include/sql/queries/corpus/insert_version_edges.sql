-- Lineage: the bytes of a source became the text of a document.
insert into lineage.edge (
    tenant, run_id, cause_kind, cause_id, effect_kind, effect_id, effect_name, effect_sha256, code_version
)
select
    tenant, %(run_id)s, 'source_version', corpus.source_version_id(document_id, source_sha256), 'document_version', version_id, path,
    text_sha256, %(code_version)s
from corpus.staged_document
where source_id = %(source_id)s
