-- Be the one who submits or ends this batch; free when the session ends.
select pg_try_advisory_lock(hashtextextended('plumbline.ledger.batch/' || %(batch_id)s::text, 0))
