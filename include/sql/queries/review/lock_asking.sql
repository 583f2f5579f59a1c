-- One at a time asks questions of this kind about subjects that may have been decided: what the other has asked is seen.
select pg_advisory_xact_lock(hashtextextended(format('plumbline.review.ask/%%s/%%s', core.current_tenant(), %(kind)s::text), 0))
