-- Where the source keeps a document that was found in it.
select address from corpus.source_item where source_id = %(source_id)s and path = %(path)s and sha256 = %(sha256)s
