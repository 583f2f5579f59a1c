-- One at a time for an effect: a second worker waits until the first has done it, or has not.
select pg_advisory_xact_lock(hashtextextended('plumbline.ledger.effect/' || %(key)s::text, 0))
