-- What is published is no longer staged.
delete from corpus.staged_document where source_id = %(source_id)s
