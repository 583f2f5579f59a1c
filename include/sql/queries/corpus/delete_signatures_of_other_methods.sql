-- Signatures that were made in another way than today's say nothing beside those of today.
delete from corpus.document_signature where method <> %(method)s
