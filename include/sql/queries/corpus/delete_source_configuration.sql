-- Nobody looks at the source any more by itself; what is known from it goes by another way.
update corpus.source set configured_at = null, enabled = false where source_id = %(source_id)s
