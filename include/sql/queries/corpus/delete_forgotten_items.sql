-- Nothing stays of what was fetched from a source that is forgotten.
delete from corpus.source_item where source_id = %(source_id)s
