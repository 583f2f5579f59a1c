-- One scan or publication of a source at a time.
select source_id, name, location, sensitivity from corpus.source where source_id = %(source_id)s for update
