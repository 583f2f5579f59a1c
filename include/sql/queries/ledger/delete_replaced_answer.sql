-- Make room for an answer: of one that has expired, or that the new one puts right.
delete from ledger.answer
where key = any(%(keys)s)
    and (expires_at <= now() or (outcome = 'invalid' and not mended))
