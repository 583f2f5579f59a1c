-- The text of a version; null, where its document has left its source.
select text from corpus.document_version where version_id = %(version_id)s
