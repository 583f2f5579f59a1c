-- Whether the source is still configured; while this transaction lasts, nobody forgets it.
select configured_at is not null as configured from corpus.source where source_id = %(source_id)s for share
