-- One scan or publication of a source at a time.
select source_id, name, kind, location, sensitivity, configured_at from corpus.source where source_id = %(source_id)s for update
