-- The bytes of a document that was fetched, if they are still the ones that were found.
select content from corpus.source_item
where source_id = %(source_id)s and path = %(path)s and sha256 = %(sha256)s and content is not null
