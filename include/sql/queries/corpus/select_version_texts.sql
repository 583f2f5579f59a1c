-- The texts of some versions.
select version_id, text from corpus.document_version where version_id = any(%(version_ids)s)
