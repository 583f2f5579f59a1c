-- Documents that their source no longer has.
delete from corpus.source_item where source_id = %(source_id)s and path = any (%(paths)s)
