-- A document that was found in a source: where the source keeps it, and its bytes, where we do.
select address, content from corpus.source_item where source_id = %(source_id)s and path = %(path)s and sha256 = %(sha256)s
